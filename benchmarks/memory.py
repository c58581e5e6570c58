"""Peak memory of a training, each in a fresh process."""

from functools import partial

import numpy as np

from benchmarks.bench import Bench
from benchmarks.processes import run_process
from benchmarks.report import Result, Row
from benchmarks.timing import Side

SIDES = ("ours", "plain", "seed", "import torch")


def measure(bench: Bench) -> Result:
    """Ours, the plain loop and the seed's, for both models."""
    np.save(bench.folder / "pixels.npy", bench.train.pixels)
    np.save(bench.folder / "labels.npy", bench.train.labels)
    steps = 60 if bench.quick else 300
    rows = []
    for name in ("vae_kl",) if bench.quick else ("simple", "vae_kl"):
        sides = [Side(side, partial(_peak, bench, side, name, steps)) for side in SIDES]
        rounds = bench.compare(name, sides, rounds=1 if bench.quick else 2, warm=False)
        for other in SIDES[1:]:
            above, below = (rounds.milliseconds(side) / 1e3 for side in (other, "ours"))
            rows.append(
                Row(
                    f"{name}, {steps} steps",
                    f"{other} / ours",
                    rounds.ratio(other, "ours"),
                    f"{above:,.0f} / {below:,.0f} MB",
                    {f"{other.replace(' ', '_')}_mb": above, "ours_mb": below},
                )
            )
    return Result(
        "memory",
        "peak resident memory (the high-water mark of a fresh process each, MB of 10^6 bytes), "
        f"theirs / ours, batch 64 of {len(bench.train):,} images ({bench.train.name}), as many "
        "PNG files for the seed (fewer with --quick), opened without workers, each of which would "
        "add its own. Ours: the training loop and all its imports, in a process prepared as "
        "`vaelab train` prepares its own, without pictures.",
        rows,
    )


def _peak(bench: Bench, side: str, name: str, steps: int) -> float:
    """Megabytes of one process."""
    if side == "seed":
        bench.say(f"PNG files in {bench.pngs}")
    return float(run_process(
        ["-m", "benchmarks.memory_child", side, name, bench.folder, steps]
    ))  # fmt: skip
