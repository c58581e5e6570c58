"""How shards are opened, wherever they lie."""

import hashlib
import os
import tempfile
from contextlib import closing
from io import BufferedRandom, BufferedReader
from pathlib import Path
from threading import Event
from typing import IO

from vaelab.data.shards.places import AbsentError, UnreachableError, is_remote, shown
from vaelab.data.shards.remote import chunks, told
from vaelab.errors import BadValueError, MissingFileError, StorageError, UserError
from vaelab.files import open_ordinary, storage_error

ATTEMPTS = 3
"""Times an address is asked."""
PAUSE = 1.0
"""Seconds before it is asked again, and as many more before the next time."""


class StoppedError(UserError):
    """A shard that nobody waits for any longer."""

    def __init__(self, place: str) -> None:
        super().__init__(f"{shown(place)}: reading was stopped")


def state(place: str) -> str:
    """What changes with the content of a place: size and time, or what the server tells of it.

    Nothing where it cannot be told; opening it will say why.
    """
    if is_remote(place):
        tags = told(place)
        return tags and f"{place} {tags}"
    try:
        fact = os.stat(place)
    except OSError:
        return ""
    return f"{place} {fact.st_size} {fact.st_mtime_ns}"


def opened(
    place: str, sha256: str | None = None, stopped: Event | None = None
) -> BufferedReader | BufferedRandom:
    """A file for reading; what an address has is fetched whole into a nameless temporary file.

    Args:
        place: a file or an address.
        sha256: of what an address has to send, if that is known.
        stopped: set by whoever needs it no more.

    Raises:
        UnreachableError: nothing is there, or it did not come whole in several attempts.
        StoppedError: `stopped` is set.
        StorageError: there is no room for temporary files (TMPDIR).
    """
    if not is_remote(place):
        try:
            return open_ordinary(Path(place), follow=True)
        except MissingFileError as error:
            raise AbsentError(place, "there is no such file") from error
        except BadValueError as error:
            raise UnreachableError(place, "this is no ordinary file") from error
        except StorageError as error:
            raise UnreachableError(place, str(error).rpartition(": ")[2]) from error
    file = _temporary()
    try:
        _fetch(place, file, sha256, stopped or Event())
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _temporary() -> BufferedRandom:
    try:
        return tempfile.TemporaryFile(prefix="vaelab-shard-")
    except OSError as error:
        raise StorageError(
            f"there is no place for temporary files ({error.strerror or error}); set TMPDIR to a "
            "folder that can be written"
        ) from error


def _fetch(place: str, file: IO[bytes], sha256: str | None, stopped: Event) -> None:
    reason = ""
    for attempt in range(ATTEMPTS):
        if stopped.wait(attempt * PAUSE):
            raise StoppedError(place)
        file.seek(0)
        file.truncate()
        digest = hashlib.sha256()
        try:
            with closing(chunks(place)) as coming:
                for chunk in coming:
                    if stopped.is_set():
                        raise StoppedError(place)
                    digest.update(chunk)
                    _write(file, chunk)
        except AbsentError:
            raise
        except UnreachableError as error:
            reason = error.reason
            continue
        if sha256 in (None, digest.hexdigest()):
            return
        reason = "its content has changed since it was first read"
    raise UnreachableError(place, f"{reason} (asked {ATTEMPTS} times)")


def _write(file: IO[bytes], chunk: bytes) -> None:
    try:
        file.write(chunk)
    except OSError as error:
        raise storage_error(Path(tempfile.gettempdir()), error) from error
