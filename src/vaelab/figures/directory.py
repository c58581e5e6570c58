"""A folder of files that is replaced as a whole."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from vaelab.files import storage_error


def replace_directory(directory: Path, files: Iterable[tuple[str, bytes]]) -> Path:
    """Fill a new folder beside `directory`, then let it take the old one's place.

    Args:
        directory: the folder; nothing else in it is kept.
        files: names and contents.

    Raises:
        StorageError: the disk is full or may not be written; the old folder is intact.
    """
    fresh = directory.with_name(f".{directory.name}.{os.getpid()}.tmp")
    former = directory.with_name(f".{directory.name}.{os.getpid()}.old")
    try:
        fresh.mkdir(parents=True)
        for name, content in files:
            (fresh / name).write_bytes(content)
        if directory.exists():
            directory.replace(former)
        fresh.replace(directory)
    except OSError as error:
        raise storage_error(directory, error) from error
    finally:
        for left in (fresh, former):
            if left.exists():
                shutil.rmtree(left)
    return directory
