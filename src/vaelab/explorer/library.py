"""The runs of a folder, as the page lists and opens them."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaelab.bundle import Bundle
from vaelab.console import visible
from vaelab.errors import MissingFileError, UserError
from vaelab.run import Run, find_runs

NAME = re.compile(r"[^/\\:*?\"<>|]{1,200}")


@dataclass(frozen=True)
class Library:
    """Runs in one folder.

    Attributes:
        folder: where they lie.
        opened: the name of the run that a page opens by itself; None: the newest.
    """

    folder: Path
    opened: str | None = None

    def run(self, name: str) -> Run:
        """The run of that name.

        Raises:
            MissingFileError: the folder holds none, or the name leads out of it.
        """
        if not NAME.fullmatch(name) or name in {".", ".."} or not Run.exists(self.folder / name):
            raise MissingFileError(f"there is no run of that name in {self.folder}")
        return Run(self.folder / name)

    def bundle(self, name: str) -> Bundle:
        """Its bundle, made where there is none, and found to be whole."""
        bundle = Bundle(self.run(name))
        bundle.check()
        return bundle

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
