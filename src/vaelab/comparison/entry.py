"""What is ranked: a run, or the runs of one config under several seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev
from typing import Any

import numpy as np
from jaxtyping import Float

from vaelab.errors import MissingFileError
from vaelab.per_image import load_per_image
from vaelab.run import Run

NEEDED = (
    "run", "likelihood", "data_checksum", "split", "images", "pixels", "measure", "conditional"
)  # fmt: skip
SHOWN = ("distortion_nats", "rate_nats", "elbo_nats")
NOT_THE_MODEL = ("task_name", "output_train_dir", "figures", "evaluation", "explorer")
NOT_THE_TRAINING = (
    "seed", "replicas", "loggers", "threads", "max_minutes", "save_minutes", "preview", "log_every",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Measured:
    """A run with what its evaluation.json says.

    Attributes:
        run: whose.
        evaluation: of the weights that it has now.
    """

    run: Run
    evaluation: Mapping[str, Any]

    @classmethod
    def of(cls, run: Run) -> "Measured":
        """A run's.

        Raises:
            MissingFileError: it has none, or of weights that it has no more.
        """
        evaluation = run.evaluation()
        if not {*NEEDED} <= evaluation.keys() or not {*SHOWN} <= evaluation["numbers"].keys():
            raise MissingFileError(
                f"there are no numbers of {run.path} that say what they can be compared with; "
                f"`vaelab evaluate {run.path}` measures them"
            )
        if not run.has_measured(evaluation):
            raise MissingFileError(
                f"the numbers of {run.path} are of weights that it no longer has (epoch "
                f"{evaluation['epoch']}); `vaelab evaluate {run.path}` measures those it has"
            )
        return cls(run, evaluation)

    @property
    def name(self) -> str:
        """Of the run's folder."""
        return str(self.evaluation["run"])

    @property
    def numbers(self) -> Mapping[str, Any]:
        """Its numbers by name."""
        numbers: Mapping[str, Any] = self.evaluation["numbers"]
        return numbers

    @property
    def seed(self) -> int:
        """Of the training."""
        return self.run.experiment.training.seed

    def config(self) -> dict[str, Any]:
        """What a run with another seed has too."""
        config = self.run.experiment.model_dump(mode="json", exclude=set(NOT_THE_MODEL))
        for name in NOT_THE_TRAINING:
            del config["training"][name]
        return config

    def per_image(self, number: str) -> Float[np.ndarray, " n"] | None:
        """What a number is the mean of, where it is kept."""
        about = self.evaluation
        if not {"weights", "images_checksum"} <= about.keys():
            return None
        return load_per_image(
            self.run.per_image_path, about["weights"], about["images_checksum"], about["images"],
            number,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Entry:
    """Runs that differ in their seed alone; mostly there is one.

    Attributes:
        members: by seed.
    """

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
        each = [one.per_image(number) for one in self.members]
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
