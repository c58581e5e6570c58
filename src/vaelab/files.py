"""Writing files whole: a temporary file beside the target, fsync, rename."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from vaelab.errors import StorageError


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> Path:
    """Write `path` so that a reader finds the old content or the new, never a part.

    Args:
        path: the target; its folder is made if need be.
        write: receives the open binary file and fills it.

    Raises:
        StorageError: the folder cannot be written or the disk is full; the old file is intact.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        # after a successful rename there is nothing left to remove
        with suppress(OSError):
            temporary.unlink()
    return path


def write_bytes(path: Path, content: bytes) -> Path:
    """Write bytes whole."""
    return write_whole(path, lambda file: file.write(content))


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text whole."""
    return write_bytes(path, text.encode())


def storage_error(path: Path, error: OSError) -> StorageError:
    """Say in words why `path` could not be written."""
    reason = error.strerror or str(error)
    return StorageError(
        f"cannot write {path}: {reason}; earlier files are intact; "
        "free some space or choose another folder"
    )
