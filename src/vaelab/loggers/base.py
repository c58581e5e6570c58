"""What every logger promises, and the loggers of one run together."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, ClassVar
from warnings import warn

from vaelab.config import Config
from vaelab.console import tell_first
from vaelab.errors import BadValueError
from vaelab.registry import Axis, Kind


@dataclass(frozen=True)
class Logged:
    """A run, as its loggers see it.

    Its identity no other has; it stays when the run goes on, also on another machine. The step is
    where it begins or goes on; what was logged of later ones is about to be made again.
    """

    name: str
    identity: str
    folder: Path
    config: Config
    step: int


class Logger(ABC):
    """A run's place in a tracker.

    Attributes:
        place: where the user finds it.
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
        several=True,
    )  # fmt: skip

    distribution: ClassVar[str | None] = None
    """The package it needs, as pip names it, if any."""

    @property
    def address(self) -> str | None:
        """Where rows and pictures are sent, as the config says; None: it says nothing of it."""
        return None

    def check(self) -> None:
        """Refuse what cannot be opened here, before anything is written."""
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


CONSEQUENCE = (
    "training goes on without it; metrics.jsonl has every row, and `vaelab train RUN --resume` "
    "sends those that are missing there"
)

COORDINATES = ("split", "step", "epoch")
"""Of a row: where it stands, not what was measured."""


class LoggerWarning(UserWarning):
    """A logger that failed and was left out."""


class Loggers:
    """Whatever takes a run's rows besides metrics.jsonl; none by default.

    A logger that fails is warned of once and left out: no tracker ends a training.
    """

    def __init__(self, loggers: Iterable[Logger] = ()) -> None:
        self._loggers = list(loggers)
        self._expected: list[tuple[Path, str, int]] = []

    @classmethod
    def open(
        cls, configs: Sequence[BaseLoggerConfig], run: Logged, rows: Iterable[Mapping[str, Any]]
    ) -> "Loggers":
        """Open those that can be opened, and give them the rows of metrics.jsonl they lack."""
        opened = []
        for config in configs:
            if config.address is not None:
                tell_first(f"{run.name} is logged to", config.address)
            try:
                opened.append(config.open(run))
            except Exception as error:  # what can go wrong with a server is without end
                _warn(f"{run.name}: the logger `{config.kind}` cannot be opened", error)
        loggers = cls(opened)
        for row in rows:
            if row["step"] <= run.step:
                loggers.log(row)
        return loggers

    @property
    def places(self) -> list[str]:
        """Where the user finds the run."""
        return [logger.place for logger in self._loggers]

    def log(self, row: Mapping[str, Any]) -> None:
        """Add a row of metrics.jsonl where it is not yet."""
        split, step = row["split"], row["step"]
        numbers = {f"{split}/{key}": row[key] for key in row if key not in COORDINATES}

        def add(logger: Logger) -> None:
            if step > logger.known.get(split, -1):
                logger.log(step, numbers)

        self._each(add)
        self._show()

    def expect(self, picture: Path, name: str, step: int) -> None:
        """Show a PNG file as soon as it has been drawn: what `name` looked like after `step`."""
        if self._loggers:
            self._expected.append((picture, name, step))

    def close(self, failed: bool) -> None:
        """Show the pictures that are left, and wait until all is handed over."""
        self._show()
        self._each(lambda logger: logger.close(failed))
        self._loggers = []

    def _show(self) -> None:
        """Show what has been drawn meanwhile; files are written whole."""
        drawn = [one for one in self._expected if one[0].is_file()]
        self._expected = [one for one in self._expected if one not in drawn]

        def show(logger: Logger) -> None:
            for picture, name, step in drawn:
                logger.show(picture, name, step)

        self._each(show)

    def _each(self, act: Callable[[Logger], None]) -> None:
        for logger in list(self._loggers):
            try:
                act(logger)
            except Exception as error:  # what can go wrong with a server is without end
                self._loggers.remove(logger)
                with suppress(Exception):
                    logger.close(failed=True)
                _warn(f"{logger.place} failed", error)


def _warn(what: str, error: Exception) -> None:
    first = (str(error) or type(error).__name__).splitlines()[0]
    warn(f"{what} ({first}); {CONSEQUENCE}", LoggerWarning, stacklevel=4)
