"""The runs of a folder, as the page lists and opens them."""

import os
import re
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

from vaelab.bundle import Bundle
from vaelab.console import visible
from vaelab.errors import MissingFileError, UserError
from vaelab.run import Run
from vaelab.runfiles import find_runs

NAME = re.compile(r"[^/\\:*?\"<>|\0]{1,200}")
LONGEST_NAME = 255
"""Bytes of a folder's name on common systems."""


@dataclass(frozen=True)
class Library:
    """Runs in one folder.

    Attributes:
        folder: where they lie.
        opened: the name of the run that a page opens by itself; None: the newest.
    """

    folder: Path
    opened: str | None = None

    def path(self, name: str) -> Path:
        """The folder of that name, whether there is a run in it or not.

        Raises:
            MissingFileError: the name leads out of the folder of runs, or can be none's.
        """
        whole = name.encode(errors="ignore").decode() == name
        fits = whole and len(name.encode()) <= LONGEST_NAME
        if not NAME.fullmatch(name) or name in {".", ".."} or not fits:
            raise MissingFileError(f"no run in {self.folder} can have that name")
        return self.folder / name

    def run(self, name: str) -> Run:
        """The run of that name.

        Raises:
            MissingFileError: the folder holds none, or the name leads out of it.
        """
        path = self.path(name)
        if not Run.exists(path):
            raise MissingFileError(f"there is no run of that name in {self.folder}")
        return Run(path)

    def bundle(self, name: str) -> Bundle:
        """Its bundle, made where there is none, and found to be whole."""
        bundle = Bundle(self.run(name))
        bundle.check()
        return bundle

    def unused(self, name: str) -> str:
        """A name that nothing in the folder has: `name` itself, or with a number.

        Copies of a copy are counted on: beside `demo` and `demo-2` comes `demo-3`.
        """
        stem = re.sub(r"-\d+$", "", name)
        stem = stem if os.path.lexists(self.folder / stem) else name
        names = chain([name], (f"{stem}-{number}" for number in count(2)))
        return next(one for one in names if not os.path.lexists(self.folder / one))

    def rows(self) -> list[dict[str, Any]]:
        """Every run in a line, the newest first; with the reason where it cannot be shown."""
        found = []
        for path in find_runs(self.folder) if os.path.isdir(self.folder) else []:
            try:
                written = (path / "config.yaml").lstat().st_mtime
            except FileNotFoundError:  # it was removed, or replaced, a moment ago
                continue
            except OSError:  # nobody may look into it: the row says so
                written = 0.0
            found.append((written, _row(path)))
        rows = [row for _, row in sorted(found, key=lambda one: one[0], reverse=True)]
        return sorted(rows, key=lambda row: row["id"] != self.opened)


def _row(path: Path) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": path.name, "data": "", "model": "", "latent": 0, "epochs_done": 0, "epochs": 0,
        "elbo_nats": None, "obstacle": None,
    }  # fmt: skip
    try:
        run = Run(path)
        metrics, about = run.metrics(), run.about_weights()
    except (UserError, OSError) as error:
        return row | {"obstacle": visible(str(error))}
    if not run.experiment.model.flat:
        reason = f"a `{run.experiment.model.kind}` has no code that is one vector to walk in"
        return row | {"obstacle": reason}
    config = run.experiment
    return row | {
        "data": config.data.kind,
        "model": f"{config.model.words}, {config.model.likelihood.kind}",
        "latent": config.model.latent,
        "epochs_done": max((line["epoch"] for line in metrics), default=0),
        "epochs": config.epochs,
        "elbo_nats": about.get("valid_elbo_nats"),
    }
