"""What every logger promises: it takes the rows and pictures of one run."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import ClassVar

from vaelab.config import Config
from vaelab.errors import BadValueError
from vaelab.registry import Axis, Kind


@dataclass(frozen=True)
class Logged:
    """A run, as its loggers see it.

    Attributes:
        name: of the run.
        identity: that no other run has; it stays when the run goes on, also on another machine.
        folder: of the run.
        config: all its settings.
        step: where it begins or goes on; what was logged of later steps is about to be made again.
    """

    name: str
    identity: str
    folder: Path
    config: Config
    step: int


class Logger(ABC):
    """A run's place in a tracker.

    Attributes:
        place: where a person finds it.
        known: of each split the last step that is there already.
    """

    place: str
    known: Mapping[str, int]

    @abstractmethod
    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Add the numbers of a row of metrics.jsonl, named e.g. `valid/elbo_nats`."""

    @abstractmethod
    def show(self, picture: Path, name: str, step: int) -> None:
        """Add a PNG file: what `name` looked like after `step`."""

    @abstractmethod
    def close(self, failed: bool) -> None:
        """Hand over what is still under way; `failed`: training ended by an error."""


class BaseLoggerConfig(Kind, ABC):
    """Where to log; `open` gives the logger of a run."""

    axis = Axis(
        "logger", "training.loggers",
        "Experiment trackers that get every row of metrics.jsonl, the pictures and the settings "
        "too.",
        cites=False, several=True, bare=True,
    )  # fmt: skip

    distribution: ClassVar[str | None] = None
    """The package it needs, as pip names it, if any."""

    @property
    def address(self) -> str | None:
        """Where rows and pictures are sent, as the config says; None: it says nothing of it."""
        return None

    def check(self) -> None:
        """Refuse what cannot be opened here, before anything is written.

        Raises:
            BadValueError: its package is not installed, or it lets nobody in.
        """
        if self.distribution is None:
            return
        try:
            distribution(self.distribution)
        except PackageNotFoundError as error:
            raise BadValueError(
                f"training.loggers has `{self.kind}`, whose package {self.distribution} is not "
                f"installed; `pip install vaelab[{self.kind}]`, or take it out of training.loggers"
            ) from error

    @abstractmethod
    def open(self, run: Logged) -> Logger:
        """Begin with a run, or go on where it was left."""
