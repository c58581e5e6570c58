"""What pictures cost the training that they are drawn beside."""

import json
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.bench import Bench
from benchmarks.processes import run_process
from benchmarks.report import Result, Row
from benchmarks.timing import Side

BATCH_SIZE = 64
"""Of the shipped configs."""


def measure(bench: Bench) -> Result:
    """Trainings with and without a picture an epoch, and one picture against an epoch."""
    rows = [_trainings(bench, "simple", 1 if bench.quick else 3)]
    if not bench.quick:
        rows.append(_trainings(bench, "vae_kl", 1))
    rows += [
        _picture(bench, name) for name in (("simple",) if bench.quick else ("simple", "vae_kl"))
    ]
    return Result(
        "stall",
        "time `vaelab train` spends training with a latent scatter of 10,000 test images per "
        "epoch / without (from its first step to the save after its last epoch, as many pictures "
        "as epochs and one before them); and what the trainer's process spends on one such "
        "picture, computing it and handing it over, / one epoch of 60,000 images (scaled from a "
        "block of steps). Drawing happens in another process. On as many threads as the "
        f"training chooses; images: {bench.train.name}.",
        rows,
    )


def _trainings(bench: Bench, name: str, epochs: int) -> Row:
    train = bench.train
    path = bench.folder / "digits.npz"
    if not path.is_file():
        np.savez(
            path, x_train=train.pixels[:, 0], y_train=train.labels,
            x_test=bench.test.pixels[:, 0], y_test=bench.test.labels,
        )  # fmt: skip
    common = [
        "data.kind=npz", f"data.path={path}", "data.pixels=signed", "data.validation=0",
        f"training.epochs={epochs}",
        "training.preview=false", "figures.at_end=[]",
    ]  # fmt: skip
    place = Path(bench.place("stall"))
    sides = [
        Side(side, partial(_training_seconds, name, [*common, f"figures.every_epoch={figures}"],
                           place, side))
        for side, figures in (("with", "[latent]"), ("without", "[]"))
    ]  # fmt: skip
    rounds = bench.compare(
        f"{name} with and without pictures", sides, rounds=bench.few_rounds, warm=not bench.quick
    )
    seconds = {side.name: rounds.milliseconds(side.name) / 1e3 for side in sides}
    return Row(
        f"{name}, {epochs} epoch{'s' * (epochs > 1)} of {len(train):,} images",
        "training with / without pictures",
        rounds.ratio("with", "without"),
        f"{seconds['with']:.2f} / {seconds['without']:.2f} s",
        {"with_s": seconds["with"], "without_s": seconds["without"]},
    )


def _training_seconds(name: str, overrides: list[str], folder: Path, side: str) -> float:
    """Seconds that a process spent training, as it says itself."""
    run_process(
        ["-m", "vaelab", "train", name, *overrides, f"task_name={side}", "--runs", folder,
         "--overwrite"]
    )  # fmt: skip
    environment = json.loads((folder / side / "environment.json").read_text(encoding="utf-8"))
    return float(environment["training_seconds"])


def _picture(bench: Bench, name: str) -> Row:
    train, test, folder = bench.file(bench.train), bench.file(bench.test), bench.place("runs")
    steps = -(-len(bench.train) // BATCH_SIZE)
    own = {"config": name, "overrides": [f"training.batch_size={BATCH_SIZE}"], "data": train,
           "folder": folder}  # fmt: skip
    drawn = {"config": name, "data": train, "test": test, "folder": folder}
    with bench.sides() as sides:
        pair = [
            sides.start("picture", "picture", drawn, count=1),
            sides.start("step", "ours", own),
        ]
        rounds = bench.compare(f"{name}, one picture", pair, rounds=bench.few_rounds)
    picture, epoch = rounds.milliseconds("picture"), steps * rounds.milliseconds("step")
    return Row(
        f"{name}, a picture of {len(bench.test):,} codes",
        "compute and hand over / an epoch",
        rounds.ratio("picture", "step", 1 / steps),
        f"{picture:.0f} / {epoch:,.0f} ms",
        {"picture_ms": picture, "epoch_scaled_ms": epoch},
        {side.name: side.threads for side in pair},
    )
