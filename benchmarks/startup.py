"""How long commands take to start, against importing PyTorch."""

from benchmarks.bench import Bench
from benchmarks.processes import run_process
from benchmarks.report import Result, Row
from benchmarks.timing import Side, timed

IMPORT = "import torch"
FIRST_STEP = (
    "from benchmarks.prepare import prepare; prepare(); "
    "from benchmarks.ours import first_step; first_step()"
)


def measure(bench: Bench) -> Result:
    """Whole processes, one after the other."""
    sides = [
        Side(IMPORT, lambda: timed(lambda: run_process(["-c", IMPORT]))),
        Side("vaelab --help", lambda: timed(lambda: run_process(["-m", "vaelab", "--help"]))),
        Side(
            "vaelab train --help",
            lambda: timed(lambda: run_process(["-m", "vaelab", "train", "--help"])),
        ),
        Side("first step of digits", lambda: timed(lambda: run_process(["-c", FIRST_STEP]))),
    ]
    rounds = bench.compare("start-up", sides, rounds=bench.few_rounds, warm=not bench.quick)
    base = rounds.milliseconds(IMPORT)
    rows = []
    for side in sides[1:]:
        ms = rounds.milliseconds(side.name)
        rows.append(
            Row(
                side.name,
                "whole process / python -c 'import torch'",
                rounds.ratio(side.name, IMPORT),
                f"{ms:,.0f} / {base:,.0f} ms",
                {"ms": ms, "import_torch_ms": base},
            )
        )
    return Result(
        "start-up",
        "wall time of whole processes, from start to exit, files warm. The first step of digits: "
        "prepare the process as `vaelab train` does, read configs/digits.yaml and the digits, "
        "build everything, take one step, exit; its picture before training is left out.",
        rows,
    )
