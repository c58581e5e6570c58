"""What a training loses beside a program that keeps one core busy, and after it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.bench import Bench
from benchmarks.processes import Sides
from benchmarks.report import Result, Row
from benchmarks.timing import Side

SECONDS = 8.0
"""Of a block: threads are given up after two, and tried again every three."""
BUSY = "while True: pass"


def measure(bench: Bench) -> Result:
    """Steps of `simple` and `vae_kl` with the machine to themselves and beside a busy core."""
    data = bench.file(bench.train)
    rows = []
    for config in ("simple",) if bench.quick else ("simple", "vae_kl"):
        own = {"config": config, "overrides": [], "data": data, "folder": bench.place("runs")}
        with Sides(SECONDS) as sides:
            ours = sides.start(config, "ours", own)

            def beside(block: Side = ours) -> float:
                with busy_core():
                    return block.block()

            rounds = bench.compare(
                f"{config}, crowded",
                [ours, Side("beside", beside, ours.ready), Side("after", ours.block, ours.ready)],
                bench.few_rounds,
            )
        alone = rounds.milliseconds(config)
        for name, words in (("beside", "one core busy"), ("after", "right after it")):
            rows.append(
                Row(
                    f"{config}, {words}", "speed / speed alone", rounds.ratio(config, name),
                    f"{rounds.milliseconds(name):.2f} / {alone:.2f} ms per step",
                    {"ms": rounds.milliseconds(name), "alone_ms": alone},
                )
            )  # fmt: skip
    return Result(
        "crowded",
        f"steps in blocks of {SECONDS:.0f} s, as the training loop takes them: alone, beside a "
        "process that keeps one core busy, and in the block after it has ended.",
        rows,
    )


@contextmanager
def busy_core() -> Iterator[None]:
    """In this block another process computes without end."""
    process = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        yield
    finally:
        process.kill()
        process.wait()
