"""Where a command writes what the user asked for: over nothing that is there already."""

import os
from itertools import count
from pathlib import Path

from vaelab.errors import BadValueError
from vaelab.files import make_folders


def output_path(given: Path | None, usual: str, overwrite: bool = False) -> Path:
    """Where to write a file; its folder is made.

    Args:
        given: what the user named; None: `usual` in the current folder, with a number in it where
            that is there already.
        usual: a file name such as `samples.png`.
        overwrite: write over a file that the user named.

    Raises:
        BadValueError: the file that the user named is there already, or a folder.
        StorageError: the folder cannot be made.
    """
    if given is None:
        return Path(usual) if overwrite else _unused(Path(usual))
    if not overwrite and os.path.isfile(given):
        raise BadValueError(
            f"{given} is there already; --overwrite replaces it, or name another file"
        )
    if not given.name or os.path.isdir(given):
        raise BadValueError(
            f"cannot write {given}: it is a folder; name a file, such as {given / usual}"
        )
    make_folders(given.parent, given)
    return given


def _unused(path: Path) -> Path:
    names = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return path if not os.path.lexists(path) else next(n for n in names if not os.path.lexists(n))
