"""Runs under another name, or in the bin: moved, whole and with whatever lies in them."""

import os
from pathlib import Path

from vaelab.errors import BadValueError, MissingFileError
from vaelab.files import make_folders, storing
from vaelab.runs.run import Run
from vaelab.runs.runfiles import refuse_hidden, unused_name
from vaelab.runs.runlock import RunLock

BIN = ".trash"
"""The folder beside the runs in which those lie that were thrown away."""


def rename_run(run: Path, target: Path) -> None:
    """Give a run's folder another place on the same disk."""
    refuse_hidden(target)
    _move(run, target)


def throw_away(run: Path) -> str:
    """Move a run into the bin; the name that it has there."""
    folder = run.parent / BIN
    if os.path.islink(folder):
        raise BadValueError(f"{folder} is a symbolic link, which may lead anywhere; remove it")
    make_folders(folder)
    name = unused_name(folder, run.name)
    _move(run, folder / name)
    return name


def take_back(runs: Path, binned: str, target: Path) -> None:
    """Move a run out of the bin of a folder of runs."""
    if os.path.islink(runs / BIN):
        raise BadValueError(f"{runs / BIN} is a symbolic link, which is not followed")
    refuse_hidden(target)
    _move(runs / BIN / binned, target)


def thrown_away(runs: Path) -> list[str]:
    """Names of the runs in the bin, the last that was changed first."""
    folder = runs / BIN
    if os.path.islink(folder) or not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if Run.exists(path)]
    return [path.name for path in sorted(found, key=_changed, reverse=True)]


def _changed(path: Path) -> float:
    return path.lstat().st_ctime


def _move(run: Path, target: Path) -> None:
    if not Run.exists(run):
        raise MissingFileError(f"there is no run in {run}")
    if os.path.islink(run):
        raise BadValueError(f"{run} is a symbolic link; move what it leads to by hand")
    if os.path.lexists(target):
        raise BadValueError(f"there is something named {target.name} in {target.parent} already")
    RunLock(run, "moving it").release()  # nobody writes it; who begins to now is told by its lock
    with storing(target):
        run.rename(target)
