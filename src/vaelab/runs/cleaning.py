"""Disk space given back: what of runs can be made again is removed."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from vaelab.console import Console
from vaelab.runs.listing import megabytes
from vaelab.runs.runfiles import made_again, remove_files
from vaelab.runs.runlock import RunLock


def clean_runs(
    folders: Sequence[Path],
    history: bool,
    confirmed: Callable[[str], bool] | None,
    console: Console,
) -> None:
    """Remove what can be made again, and say how much that was; whoever is there is asked before.

    Raises:
        RunBusyError: a run is being written; nothing is removed.
        BadValueError: nobody can be asked.
        StorageError: something cannot be removed.
    """
    with ExitStack() as stack:
        for folder in folders:
            stack.enter_context(RunLock(folder, "cleaning"))
        found = {one: made_again(one, history) for one in folders}
        files = [path for paths in found.values() for path in paths]
        if not files:
            console.say("there is nothing that could be made again")
            return
        size = megabytes(sum(path.lstat().st_size for path in files))
        where = ", ".join(map(str, folders))
        question = f"Delete {len(files)} files, {size}, from {where}?"
        if confirmed is not None and not confirmed(question):
            console.say("nothing was deleted")
            return
        for folder, paths in found.items():
            console.say(f"{folder}: {megabytes(remove_files(paths))} freed")
