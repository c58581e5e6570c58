"""What a fitted prior changed, and the run that is made of it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from vaelab.errors import BadValueError
from vaelab.experiment import Experiment
from vaelab.files import make_folder, storing, sync_folder
from vaelab.metrics import Number
from vaelab.models import OneLevel
from vaelab.runs.records import Row
from vaelab.runs.run import Run
from vaelab.runs.runfiles import refuse_hidden, remove_run
from vaelab.runs.runlock import RunLock
from vaelab.training import log
from vaelab.training.environment import write_environment

SHOWN = ("distortion_nats", "rate_nats", "elbo_nats")


@dataclass(frozen=True)
class PriorFit:
    """A prior fitted to the codes of a run: numbers of a split with the former prior and with it.

    `gain` is the mean of log p(z) after minus before, at the same codes.
    """

    run: Run
    source: str
    split: str
    images: int
    before: Mapping[str, Number]
    after: Mapping[str, Number]
    gain: Number
    train_gain: Number
    signal: int | None

    def table(self) -> Table:
        """Before and after, for a terminal."""
        table = Table(
            box=SIMPLE,
            title=f"{escape(self.source)} and {escape(self.run.path.name)}: {self.images:,} "
            f"{self.split} images",
            caption="nats per image, means over images ± standard error, "
            f"{self.after['elbo_nats'].estimator}; at the same codes log p(z) is higher by "
            f"{_text(self.gain)} nats, over the training images by {_text(self.train_gain)} nats",
        )
        table.add_column("")
        table.add_column("before", justify="right")
        table.add_column("after", justify="right")
        for name in SHOWN:
            before, after = _text(self.before[name]), _text(self.after[name])
            table.add_row(name.removesuffix("_nats"), before, after)
        return table


def _text(number: Number) -> str:
    error = "" if number.standard_error is None else f" ± {number.standard_error:.2f}"
    return f"{number.value:,.2f}{error}"


class FittingFolder:
    """Where a run is made, under another name until everything is in it.

    It is locked, so that of two fits of one name the second is told so at its start. Inside the
    block nothing of the run can be seen; after it nothing is left but the run, if it was finished.
    """

    def __init__(self, target: Path) -> None:
        refuse_hidden(target)
        if os.path.lexists(target):
            raise BadValueError(f"{target} is there already; --name NAME makes another run")
        self.target = target
        self.path = target.with_name(f".{target.name}.fitting")
        self._lock = RunLock(make_folder(self.path), "fitting a prior")

    def __enter__(self) -> "FittingFolder":
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        if self.path.is_dir():
            remove_run(self.path)

    def finish(
        self, experiment: Experiment, model: OneLevel, about: Row, rows: Sequence[Row], facts: Row,
        seconds: float,
    ) -> Run:  # fmt: skip
        """Write the run and give it its name."""
        run = Run.create(self.path, experiment)
        known = {"image_shape", "classes", "digest"}
        facts_of_weights = {name: value for name, value in about.items() if name not in known}
        run.save_weights(model, about["classes"], facts_of_weights)
        log.append(run, rows)
        write_environment(run.environment_path, dict(facts), torch.get_num_threads(), seconds)
        self._lock.release()
        with storing(self.target):
            self.path.replace(self.target)
            sync_folder(self.target.parent)
        return Run(self.target)
