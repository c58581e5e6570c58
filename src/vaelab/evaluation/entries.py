"""What is compared: runs with their numbers, put together where only the seed differs.

All of it is read from their files, without PyTorch.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
from jaxtyping import Float

from vaelab.errors import BadValueError, MissingFileError, typed
from vaelab.files import may_be_there
from vaelab.runs.listing import numbers_of
from vaelab.runs.records import Row
from vaelab.runs.runfiles import CONFIG, PER_IMAGE, refuse_links
from vaelab.tensorfile import read_arrays
from vaelab.yamlfile import read_yaml

NLL = re.compile(r"nll_iwae(\d{1,9})_nats")
"""Name of a bound by importance sampling; in the group K."""
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
    """A run with what its evaluation.json says of the weights that it has now.

    Args:
        path: its folder.
    """

    def __init__(self, path: Path) -> None:
        refuse_links(path)
        self.path = path
        _, self.evaluation, old = numbers_of(path)
        if not {*SHOWN} <= self.evaluation.get("numbers", {}).keys():
            raise MissingFileError(
                f"there are no numbers of {path} that say what they can be compared with"
            )
        if old:
            raise MissingFileError(
                f"the numbers of {path} are of weights that it no longer has (epoch "
                f"{self.evaluation['epoch']})"
            )
        self.name = path.resolve().name
        self.numbers: dict[str, Any] = self.evaluation["numbers"]
        config = read_yaml(path / CONFIG)
        if not isinstance(_seed_of(config), int):  # it is not as a training writes it
            from vaelab.runs.run import Run

            config = Run(path).experiment.model_dump(mode="json")
        self.seed = _seed_of(config)
        self.config = _without(config, OTHERWISE)
        """What a run with another seed has too."""

    def per_image(self, name: str) -> Float[np.ndarray, " n"] | None:
        """The values whose mean is a number; None where there are none of weights and images."""
        path = self.path / PER_IMAGE
        if not may_be_there(path):
            return None
        try:
            values, about = read_arrays(path)
        except BadValueError as error:
            again = f"`vaelab evaluate {typed(self.path)}` writes it anew"
            raise BadValueError(f"{path} is damaged; {again}") from error
        if about != measured_on(self.evaluation) or name not in values:
            return None
        if values[name].shape != (self.evaluation["images"],):
            raise BadValueError(
                f"{path} is damaged: `{name}` is not a number for each of "
                f"{self.evaluation['images']} images"
            )
        return values[name].astype(np.float64)


def _seed_of(config: object) -> Any:
    training = config.get("training") if isinstance(config, dict) else None
    return training.get("seed") if isinstance(training, dict) else None


def measured_on(evaluation: Row) -> Row:
    """Of what values per image are, as their file says."""
    return {"schema": 1, **{key: evaluation[key] for key in ("weights", "images_checksum")}}


def _without(config: Mapping[str, Any], left_out: Mapping[str, Any]) -> dict[str, Any]:
    """A config less some of its keys: all of a section, or a set of its keys."""
    return {
        key: {name: of for name, of in value.items() if name not in left_out.get(key, ())}
        if isinstance(value, dict) else value
        for key, value in config.items() if left_out.get(key) is not True
    }  # fmt: skip


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
        each = [one.per_image(number) for one in self.members]
        found = [values for values in each if values is not None]
        return np.mean(found, axis=0) if len(found) == len(each) else None


def entries_of(measured: Sequence[Measured]) -> list[Entry]:
    """Runs put together where they differ in their seed alone."""
    alike: list[list[Measured]] = []
    for one in measured:
        for those in alike:
            seeds = {other.seed for other in those}
            if one.seed not in seeds and one.config == those[0].config:
                those.append(one)
                break
        else:
            alike.append([one])
    return [Entry(tuple(sorted(those, key=lambda one: one.seed))) for those in alike]
