"""Steps of our loop against the seed's and against a plain one."""

from benchmarks.bench import Bench
from benchmarks.processes import ONE_THREAD
from benchmarks.report import Result, Row
from benchmarks.seed_loop import WORKERS

MODELS = ("simple", "vae_kl")
BATCH_SIZES = (64, 256)


def measure(bench: Bench) -> Result:
    """Both models at both batch sizes, or at the first."""
    sizes = BATCH_SIZES[:1] if bench.quick else BATCH_SIZES
    rows = [row for name in MODELS for size in sizes for row in _compare(bench, name, size)]
    return Result(
        "loops",
        "time per training step, theirs / ours: above 1, ours is faster. Every side is a process"
        " of its own. Ours: the project's loop in a process prepared as `vaelab train` prepares "
        "its own (allocator, garbage collector) and on as many threads as the training chooses, "
        "and once more with OMP_NUM_THREADS=1; data and model as in the shipped config, its "
        "preview picture (twice a second at most) left out. Seed: PNG files opened by a "
        "DataLoader (vae_kl 4 workers, simple none, as its scripts have it), 3 .item() and 2 "
        "JPEGs a step; its workers are up before the clock starts and are shut down before "
        "another side is timed. Plain: float images in memory, nn layers, torch.optim.Adam. Both"
        " as PyTorch comes, nothing tuned. "
        f"Images: {bench.train.name}.",
        rows,
    )


def _compare(bench: Bench, name: str, batch_size: int) -> list[Row]:
    subject = f"{name}, batch {batch_size}"
    data = bench.file(bench.train)
    own = {"config": name, "overrides": [f"training.batch_size={batch_size}"], "data": data,
           "folder": bench.place("runs")}  # fmt: skip
    theirs = {"name": name, "batch_size": batch_size}
    slow = {**theirs, "pngs": bench.pngs, "folder": bench.place("seed")}
    with bench.sides() as sides:
        others = [
            sides.start("seed", "seed", slow, bench.seed_steps),
            sides.start("plain", "plain", {**theirs, "data": data}),
        ]
        ours = [
            sides.start("ours", "ours", own),
            sides.start("ours, OMP_NUM_THREADS=1", "ours", own, environment=ONE_THREAD),
        ]
        rounds = bench.compare(subject, [others[0], *ours, others[1]])
    rows = []
    for mine in ours:
        for other in others:
            below, above = rounds.milliseconds(mine.name), rounds.milliseconds(other.name)
            workers = f", {WORKERS[name]} workers" if other.name == "seed" else ""
            rows.append(
                Row(
                    subject,
                    f"{other.name} / {mine.name}",
                    rounds.ratio(other.name, mine.name),
                    f"{above:.2f} / {below:.2f} ms per step{workers}; "
                    f"{other.threads} / {mine.threads} threads",
                    {f"{other.name}_ms_per_step": above, "ours_ms_per_step": below},
                    {"ours": mine.threads, other.name: other.threads},
                )
            )
    return rows
