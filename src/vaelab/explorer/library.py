"""The runs of a folder, as the page lists and opens them."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vaelab.bundle import Bundle
from vaelab.errors import MissingFileError
from vaelab.explorer.rows import Lines, Settings, differing
from vaelab.explorer.watch import describe, is_own
from vaelab.runs.run import Run
from vaelab.runs.runfiles import find_runs, unused_name
from vaelab.runs.runlock import writer_of

NAME = re.compile(r"[^/\\:*?\"<>|\0]{1,200}")
MAX_NAME_LENGTH = 255
"""Bytes of a folder's name on common systems."""


@dataclass(frozen=True)
class Library:
    """Runs in one folder.

    Attributes:
        folder: where they lie.
        opened: the name of the run that a page opens by itself; None: the newest.
        compared: names of two to four runs that it opens beside each other instead.
        held: runs by name that hold objects which their configs can describe and not make.
    """

    folder: Path
    opened: str | None = None
    compared: tuple[str, ...] = ()
    held: Mapping[str, Run] = field(default_factory=dict)
    _lines: Lines = field(default_factory=Lines)

    def path(self, name: str) -> Path:
        """The folder of that name, whether a run is in it or not; no name leads elsewhere."""
        whole = name.encode(errors="ignore").decode() == name
        fits = whole and len(name.encode()) <= MAX_NAME_LENGTH
        if not NAME.fullmatch(name) or name in {".", ".."} or not fits:
            raise MissingFileError(
                f"no run in {self.folder} can have that name: it is that of a folder, of at most "
                f'{MAX_NAME_LENGTH} bytes, none of them / \\ : * ? " < > |'
            )
        return self.folder / name

    def there(self, name: str) -> Path:
        """The folder of the run of that name."""
        path = self.path(name)
        if not Run.exists(path):
            raise MissingFileError(f"there is no run of that name in {self.folder}")
        return path

    def run(self, name: str) -> Run:
        """The run of that name."""
        path = self.there(name)
        run = Run(path)
        if name in self.held:
            return Run(path, run.experiment.holding(self.held[name].experiment))
        return run

    def bundle(self, name: str) -> Bundle:
        """Its bundle, made where there is none, and found to be whole."""
        bundle = Bundle(self.run(name))
        bundle.check()
        return bundle

    def unused(self, name: str) -> str:
        """A name that nothing in the folder has, as `unused_name`."""
        return unused_name(self.folder, name)

    def first(self, asked: str | None) -> str | None:
        """The run to begin with: `asked` where it is there, else the first that can be shown.

        That is `opened`, and after it the newest.
        """
        there = find_runs(self.folder) if os.path.isdir(self.folder) else []
        if asked in {path.name for path in there}:
            return asked
        there.sort(key=lambda path: (path.name != self.opened, -(_written(path) or 0)))
        shown = (path.name for path in there if self._lines.of(path).row["obstacle"] is None)
        return next(shown, None)

    def finished(self) -> list[tuple[str, Settings]]:
        """Runs that can be shown and are trained to their end, the newest first; all settings."""
        there = find_runs(self.folder) if os.path.isdir(self.folder) else []
        there.sort(key=lambda path: -(_written(path) or 0))
        lines = ((path.name, self._lines.of(path)) for path in there)
        return [
            (name, line.settings)
            for name, line in lines
            if line.row["obstacle"] is None and line.row["epochs_done"] >= line.row["epochs"]
        ]

    def rows(self, own: frozenset[int] = frozenset()) -> list[dict[str, Any]]:
        """Every run in a line, the newest first; with the reason where it cannot be shown.

        Of its settings a line has those in which the runs of the folder differ. Processes whose
        numbers are `own` are not named as a run's writers.
        """
        found = []
        there = find_runs(self.folder) if os.path.isdir(self.folder) else []
        self._lines.keep(there)
        for path in there:
            if (written := _written(path)) is None:  # it was removed, or replaced, a moment ago
                continue
            line, writer = self._lines.of(path), writer_of(path)
            row = {
                "copy": self.unused(path.name),
                "writer": None if is_own(writer, own) else describe(writer),
                "written": written,
            }
            found.append((line.row | row, line.settings))
        keys = differing(settings for _, settings in found)
        rows = [
            row | {"settings": {key: settings[key] for key in settings.keys() & keys}}
            for row, settings in found
        ]
        return sorted(rows, key=lambda row: (row["id"] != self.opened, -row["written"]))


def _written(path: Path) -> float | None:
    """When its config was written; 0 where nobody may look into it, None where there is none."""
    try:
        return (path / "config.yaml").lstat().st_mtime
    except FileNotFoundError:
        return None
    except OSError:
        return 0.0
