"""The loggers of one run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from warnings import warn

from vaelab.addresses import tell_first
from vaelab.loggers.base import BaseLoggerConfig, Logged, Logger

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

    Args:
        loggers: opened.
    """

    def __init__(self, loggers: Iterable[Logger] = ()) -> None:
        self._loggers = list(loggers)
        self._expected: list[tuple[Path, str, int]] = []

    @classmethod
    def open(
        cls,
        configs: Sequence[BaseLoggerConfig],
        run: Logged,
        rows: Iterable[Mapping[str, Any]],
    ) -> "Loggers":
        """Open those that can be opened, and give them the rows they lack.

        Args:
            configs: of the run.
            run: whose.
            rows: of its metrics.jsonl so far.
        """
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
        """Where a person finds the run."""
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
