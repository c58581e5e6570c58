"""What a fitted prior changed, and the run that is made of it."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from vaelab.experiment import Experiment
from vaelab.files import storage_error
from vaelab.fitting.codes import Coded
from vaelab.metrics import Number
from vaelab.run import Row, Run
from vaelab.training.environment import write_environment

SHOWN = ("distortion_nats", "rate_nats", "elbo_nats")


@dataclass(frozen=True)
class PriorFit:
    """A prior fitted to the codes of a run.

    Attributes:
        run: with the fitted prior.
        source: the name of the run whose codes it was fitted to.
        split: of the images measured.
        images: how many.
        before: numbers with the former prior.
        after: numbers with the fitted one.
        gain: mean over these images of log p(z) after minus before, at the same codes.
        train_gain: the same over the training images.
    """

    run: Run
    source: str
    split: str
    images: int
    before: Mapping[str, Number]
    after: Mapping[str, Number]
    gain: Number
    train_gain: Number

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


def write_run(
    target: Path, experiment: Experiment, model: Coded, about: Row, rows: Sequence[Row],
    facts: Row, seconds: float,
) -> Run:  # fmt: skip
    """Make a run directory, whole: another name until everything is in it.

    Args:
        target: its folder, which is not there yet.
        experiment: the config.
        model: with its fitted prior.
        about: what was saved with the weights it was fitted to.
        rows: of metrics.jsonl.
        facts: of environment.json.
        seconds: that the fit took.

    Raises:
        StorageError: the disk is full or may not be written.
    """
    folder = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        run = Run.create(folder, experiment)
        known = {"image_shape", "classes"}
        facts_of_weights = {name: value for name, value in about.items() if name not in known}
        run.save_weights(model, about["classes"], facts_of_weights)
        run.append_metrics(rows)
        write_environment(run.environment_path, dict(facts), torch.get_num_threads(), seconds)
        folder.replace(target)
    except OSError as error:
        raise storage_error(target, error) from error
    finally:
        if folder.exists():
            shutil.rmtree(folder)
    return Run(target)
