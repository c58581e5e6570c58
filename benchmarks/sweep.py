"""A sweep of twelve trials, against twelve runs one after the other."""

import json
import shutil
from functools import partial
from itertools import product
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.processes import run_process
from benchmarks.report import Result, Row
from benchmarks.timing import Side

BETAS, SEEDS = (0.5, 1, 2, 4), (0, 1, 2)
PLAIN = ("figures={every_epoch: [], at_end: []}", "explorer.keep=0")
TRAIN = """
import sys
from benchmarks.prepare import prepare
prepare()
from pathlib import Path
from vaelab.runs.lookup import load_experiment
from vaelab.training import train
for words in sys.argv[2:]:
    train(load_experiment("digits", words.split("|"))[0], Path(sys.argv[1]))
"""


def measure(bench: Bench) -> Result:
    """Four betas with three seeds of `digits`."""
    epochs = f"training.epochs={20 if bench.quick else 200}"
    folder = Path(bench.place("sweep"))
    sides = [
        Side("sweep", partial(_swept, folder, epochs)),
        Side("apart", partial(_apart, folder, epochs)),
    ]
    rounds = bench.compare("sweep", sides, rounds=bench.few_rounds, warm=False)
    swept, apart = (rounds.milliseconds(side.name) / 1e3 for side in sides)
    row = Row(
        "4 betas x 3 seeds of digits", "training time of the sweep / of twelve runs",
        rounds.ratio("sweep", "apart"), f"{swept:.1f} / {apart:.1f} s",
        {"sweep_s": swept, "apart_s": apart},
    )  # fmt: skip
    return Result(
        "sweep",
        "`vaelab sweep run digits objective.beta=0.5,1,2,4 training.seed=0,1,2` with one worker, "
        "which trains all twelve as one batched model / the same twelve runs trained one after the "
        "other in one process. Time spent training, validation and saving included, as "
        "environment.json has it; start-up and pictures left out.",
        [row],
    )


def _swept(folder: Path, epochs: str) -> float:
    swept = [
        f"objective.beta={','.join(map(str, BETAS))}",
        f"training.seed={','.join(map(str, SEEDS))}",
    ]
    words = ["sweep", "run", "digits", *swept, epochs, "--runs", str(folder / "swept")]
    run_process(["-m", "vaelab", *words])
    (sweep,) = (folder / "swept").iterdir()
    seconds = {path.parent.name: _seconds(path) for path in sweep.glob("*/environment.json")}
    if len(seconds) != len(BETAS) * len(SEEDS):
        raise RuntimeError(f"{len(seconds)} trials were trained")
    shutil.rmtree(sweep)
    return max(seconds.values())  # they were trained together


def _apart(folder: Path, epochs: str) -> float:
    runs = [
        "|".join([f"objective.beta={beta}", f"training.seed={seed}", f"task_name=b{beta}s{seed}",
                  epochs, *PLAIN]) for beta, seed in product(BETAS, SEEDS)
    ]  # fmt: skip
    run_process(["-c", TRAIN, str(folder / "apart"), *runs])
    seconds = [_seconds(path) for path in (folder / "apart").glob("*/environment.json")]
    if len(seconds) != len(runs):
        raise RuntimeError(f"{len(seconds)} runs were trained")
    shutil.rmtree(folder / "apart")
    return sum(seconds)


def _seconds(path: Path) -> float:
    return float(json.loads(path.read_text(encoding="utf-8"))["training_seconds"])
