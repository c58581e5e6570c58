"""Several trainings in one step, against one."""

from benchmarks.bench import Bench
from benchmarks.report import Result, Row

COUNTS = {"simple": (2, 4, 8), "vae_kl": (8,)}


def measure(bench: Bench) -> Result:
    """One joint step of 2, 4 and 8 replicas of `simple`, and of 8 of `vae_kl`."""
    rows = [row for name, counts in COUNTS.items() for row in _rows(bench, name, counts)]
    return Result(
        "replicas",
        "time of one joint step of R replicas, batch 64 each / one step of ours or of the plain "
        "in-memory loop of the same net: R would be no gain. Threads as in `loops`. "
        f"Images: {bench.train.name}.",
        rows,
    )


def _rows(bench: Bench, name: str, counts: tuple[int, ...]) -> list[Row]:
    data = bench.file(bench.train)
    with bench.sides() as sides:
        own = [
            sides.start(str(count), "ours", {
                "config": name,
                "overrides": ["training.batch_size=64", f"training.replicas={count}"],
                "data": data, "folder": bench.place("runs"),
            }) for count in (1, *counts)
        ]  # fmt: skip
        plain = sides.start("plain", "plain", {"name": name, "batch_size": 64, "data": data})
        rounds = bench.compare(f"replicas of {name}", [*own, plain])
    rows = []
    for joint in own[1:]:
        for single, words in ((plain, "plain"), (own[0], "ours")):
            above, below = rounds.milliseconds(joint.name), rounds.milliseconds(single.name)
            rows.append(
                Row(
                    f"{joint.name} replicas of {name}",
                    f"joint step / one step of {words}",
                    rounds.ratio(joint.name, single.name),
                    f"{above:.2f} / {below:.2f} ms; {above / int(joint.name):.2f} ms per replica",
                    {"joint_ms_per_step": above, f"{words}_ms_per_step": below},
                    {"joint": joint.threads, words: single.threads},
                )
            )
    return rows
