"""What is compared: runs with their numbers, put together where only the seed differs."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev
from typing import Any

import numpy as np
from jaxtyping import Float

from vaelab.errors import MissingFileError
from vaelab.evaluation.evaluate import load_per_image
from vaelab.runs.run import Run

SHOWN = ("distortion_nats", "rate_nats", "elbo_nats")
OTHERWISE: dict[str, Any] = {
    "task_name": True, "figures": True, "evaluation": True,
    "explorer": True, "training": {
        "seed", "replicas", "loggers", "threads", "max_minutes", "save_minutes", "preview",
        "log_every",
    },
}  # fmt: skip
"""Keys of a config in which runs may differ that are one entry."""


class Measured:
    """A run with what its evaluation.json says of the weights that it has now."""

    def __init__(self, run: Run) -> None:
        self.run, self.evaluation = run, run.evaluation()
        if not {*SHOWN} <= self.evaluation.get("numbers", {}).keys():
            raise MissingFileError(
                f"there are no numbers of {run.path} that say what they can be compared with"
            )
        if not run.has_measured(self.evaluation):
            raise MissingFileError(
                f"the numbers of {run.path} are of weights that it no longer has (epoch "
                f"{self.evaluation['epoch']})"
            )
        self.name: str = self.evaluation["run"]
        self.numbers: dict[str, Any] = self.evaluation["numbers"]
        self.seed = run.experiment.training.seed

    def config(self) -> dict[str, Any]:
        """What a run with another seed has too."""
        return self.run.experiment.model_dump(mode="json", exclude=OTHERWISE)


@dataclass(frozen=True, eq=False)
class Entry:
    """Runs that differ in their seed alone, by seed; mostly there is one."""

    members: tuple[Measured, ...]

    @property
    def name(self) -> str:
        """That of the run, or of the first with all seeds."""
        first = self.members[0]
        if len(self.members) == 1:
            return first.name
        seeds = ", ".join(str(one.seed) for one in self.members)
        return f"{first.name.removesuffix(f'_seed{first.seed}')} (seeds {seeds})"

    def values(self, number: str) -> list[float]:
        """A number of each run; none where a run lacks it."""
        found = [one.numbers[number]["value"] for one in self.members if number in one.numbers]
        return found if len(found) == len(self.members) else []

    def mean(self, number: str) -> float:
        """Over the seeds."""
        return fmean(self.values(number))

    def error(self, number: str) -> float | None:
        """Its standard error: over seeds where there are several, else over images."""
        if len(self.members) > 1:
            return stdev(self.values(number)) / sqrt(len(self.members))
        error: float | None = self.members[0].numbers[number]["standard_error"]
        return error

    def per_image(self, number: str) -> Float[np.ndarray, " n"] | None:
        """What a number is the mean of, each image's being that over the seeds."""
        each = [load_per_image(one.run, one.evaluation, number) for one in self.members]
        found = [values for values in each if values is not None]
        return np.mean(found, axis=0) if len(found) == len(each) else None


def entries_of(measured: Sequence[Measured]) -> list[Entry]:
    """Runs put together where they differ in their seed alone."""
    alike: list[list[Measured]] = []
    for one in measured:
        for those in alike:
            seeds = {other.seed for other in those}
            if one.seed not in seeds and one.config() == those[0].config():
                those.append(one)
                break
        else:
            alike.append([one])
    return [Entry(tuple(sorted(those, key=lambda one: one.seed))) for those in alike]
