"""A logger of your own.

vaelab train digits "training.loggers=[csv]" --plugin examples/logger.py
"""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from vaelab.loggers import BaseLoggerConfig, Logged, Logger


class CSVLogger(Logger):
    """One file of all runs, a line for each number."""

    known: Mapping[str, int] = {}

    def __init__(self, run: Logged, path: Path) -> None:
        self.run, self.place = run, str(path)
        self._file = path.open("a", newline="", encoding="utf-8")
        self._lines = csv.writer(self._file)

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Add the numbers of a row of metrics.jsonl, named e.g. `valid/elbo_nats`."""
        self._lines.writerows((self.run.name, step, name, value) for name, value in numbers.items())

    def show(self, picture: Path, name: str, step: int) -> None:
        """Add where a picture lies."""
        self._lines.writerow((self.run.name, step, name, picture))

    def close(self, failed: bool) -> None:
        """End."""
        self._file.close()


class CSVLoggerConfig(BaseLoggerConfig):
    """A CSV file beside the runs, for a spreadsheet."""

    kind: Literal["csv"] = "csv"
    path: str = "numbers.csv"
    """Of the file."""

    def open(self, run: Logged) -> CSVLogger:
        """Begin with a run, or go on with it."""
        return CSVLogger(run, Path(self.path))
