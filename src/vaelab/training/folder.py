"""A run's folder under training: locked, and what it replaces kept until there are weights."""

from contextlib import suppress
from pathlib import Path

from vaelab.errors import UserError
from vaelab.experiment import Experiment
from vaelab.files import make_folders, sync_folder
from vaelab.runs.run import Run
from vaelab.runs.runfiles import clean, refuse_foreign, remove_run
from vaelab.runs.runlock import RunLock

WHAT = "training"


class TrainingFolder:
    """The right to train in a run's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._began_replacing = False
        with suppress(OSError):  # a process was killed between the two renames of a replacement
            if not path.exists() and _aside(path).is_dir():
                _aside(path).rename(path)
        self._lock = _make_and_lock(path)
        clean(path)
        self.settle()

    @property
    def replaced(self) -> Path | None:
        """The run that this one replaces, whole, for as long as this one has no weights."""
        return aside if (aside := _aside(self.path)).is_dir() else None

    def replace(self, experiment: Experiment) -> None:
        """Put the run that is there aside, whole, and a new one in its place.

        Where an earlier replacement came to nothing, the run that it put aside stays there.
        """
        refuse_foreign(self.path, "replaced")
        self._lock.release()
        if self.replaced is None:
            self.path.rename(_aside(self.path))
            sync_folder(self.path.parent)
        else:
            remove_run(self.path)
        self._began_replacing = True
        self._lock = _make_and_lock(self.path)
        Run.create(self.path, experiment)

    def check(self) -> None:
        """See that the folder is still there."""
        self._lock.check()

    def settle(self) -> None:
        """Remove what was replaced, once there are weights in its place."""
        if self.replaced is not None and Run.has_weights(self.path):
            remove_run(self.replaced)

    def __enter__(self) -> "TrainingFolder":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Let others write; after an error, put back what was replaced by nothing."""
        failed, aside = kind is not None and self._began_replacing, self.replaced
        self._lock.release()
        if failed and aside is not None and not Run.has_weights(self.path):
            with suppress(UserError, OSError):
                remove_run(self.path)
                aside.rename(self.path)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.replaced")


def _make_and_lock(path: Path) -> RunLock:
    return RunLock(make_folders(path), WHAT)
