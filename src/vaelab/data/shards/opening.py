"""Where shards lie, in files or at http(s) addresses, and how they are opened."""

import glob
import hashlib
import os
import re
import tempfile
from itertools import islice
from pathlib import Path
from threading import Event
from typing import BinaryIO
from urllib.parse import urlsplit

from vaelab.data.formats.folders import natural
from vaelab.data.transfer import CHUNK, TransferError, answer
from vaelab.errors import BadValueError, MissingFileError, StorageError, UserError
from vaelab.files import open_ordinary, storage_error

MAX_SHARDS = 100_000
"""Shards of one pattern; more is a slip of the pen."""
WHAT = "data comes from"
ATTEMPTS = 3
"""Times an address is asked."""
PAUSE = 1.0
"""Seconds before it is asked again, and as many more before the next time."""

_ADDRESS = re.compile(r"(pipe:|[a-z][a-z0-9+.:-]*://)", re.IGNORECASE)
_RANGE = re.compile(r"(\d{1,18})\.\.-?(\d{1,18})")


class UnreachableError(MissingFileError):
    """A shard that cannot be read."""


class AbsentError(UnreachableError):
    """A shard that is not there, so that asking again is in vain."""


def is_remote(place: str) -> bool:
    """Whether a place is an address on a server; one that a program is started for is refused."""
    kind = _ADDRESS.match(place)
    if kind and kind[0].lower() not in {"http://", "https://"}:
        raise BadValueError(
            f"{redacted(place)}: shards are read from files and from http:// and https:// "
            "addresses, and from nothing else; copy them, or mount where they are as a folder"
        )
    return kind is not None


def redacted(place: str) -> str:
    """A place as messages name it: an address without password and signature."""
    if not _ADDRESS.match(place):
        return place
    parts = urlsplit(place)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def beside(place: str, name: str) -> str:
    """Another place in the same folder."""
    path = place.partition("?")[0] if is_remote(place) else place
    return f"{os.path.dirname(path)}/{name}"


def expand(pattern: str) -> list[str]:
    """The shards that a pattern means, in order; files that braces name need not be there.

    It is files or an address, with `{000..099}` or `{a,b}` as webdataset has them; of files also
    `*`, or a folder of .tar files.
    """
    from braceexpand import braceexpand  # comes with webdataset

    # it makes every number of a range before the first name
    numbers = sum(abs(int(first) - int(last)) for first, last in _RANGE.findall(pattern))
    try:
        expanded = braceexpand(pattern, escape=False) if numbers < MAX_SHARDS else ()
        named = list(islice(expanded, MAX_SHARDS + 1))
    except (ValueError, RecursionError) as error:
        raise BadValueError(f"{redacted(pattern)}: these braces cannot be expanded") from error
    if not 0 < len(named) <= MAX_SHARDS:
        raise BadValueError(
            f"{redacted(pattern)} means more than {MAX_SHARDS:,} shards; that cannot be meant"
        )
    places = [place for one in named for place in _found(one)]
    if len(set(places)) < len(places):
        raise BadValueError(
            f"{redacted(pattern)} names a shard twice; every shard is read once an epoch"
        )
    return places


def _found(place: str) -> list[str]:
    if is_remote(place):
        return [place]
    path = os.path.abspath(os.path.expanduser(place))
    if os.path.isdir(path):
        path = os.path.join(glob.escape(path), "*.tar")
    elif os.path.exists(path) or not glob.has_magic(path):
        return [path]
    files = sorted(glob.glob(path), key=natural)
    if not files:
        raise MissingFileError(f"there is no file {path}; `vaelab data shard` makes shards")
    return files


def version(place: str) -> str:
    """What changes with the content of a place: size and time, what its server says, or nothing."""
    try:
        if not is_remote(place):
            fact = os.stat(place)
            return f"{fact.st_size} {fact.st_mtime_ns}"
        with answer(place, "HEAD", WHAT) as told:
            return told.headers.get("ETag") or told.headers.get("Last-Modified") or ""
    except (OSError, ValueError, TransferError):
        return ""


def open_shard(place: str, sha256: str | None = None, stopped: Event | None = None) -> BinaryIO:
    """A file for reading; what an address has is fetched whole into a nameless temporary file.

    What it has to send has `sha256`, if that is known; who needs it no more sets `stopped`. An
    UnreachableError says that nothing is there, or that it did not come whole.
    """
    if not is_remote(place):
        try:
            return open_ordinary(Path(place), follow=True)
        except MissingFileError as error:
            raise AbsentError(f"{place}: there is no such file") from error
        except (BadValueError, StorageError) as error:
            raise UnreachableError(str(error)) from error
    try:
        file = tempfile.TemporaryFile(prefix="vaelab-shard-")
    except OSError as error:
        raise StorageError(
            f"there is no place for temporary files ({error.strerror or error}); set TMPDIR to a "
            "folder that can be written"
        ) from error
    try:
        _fetch(place, file, sha256, stopped or Event())
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _fetch(place: str, file: BinaryIO, sha256: str | None, stopped: Event) -> None:
    reason, name = "", redacted(place)
    for attempt in range(ATTEMPTS):
        stopped.wait(attempt * PAUSE)
        file.seek(0)
        file.truncate()
        digest = hashlib.sha256()
        try:
            with answer(place, what=WHAT) as coming:
                for chunk in coming.iter_content(CHUNK):
                    if stopped.is_set():
                        raise UserError(f"{name}: reading was stopped")
                    digest.update(chunk)
                    file.write(chunk)
        except TransferError as error:
            if error.final:
                raise AbsentError(f"{name}: {error}") from error
            reason = str(error)
        except BadValueError as error:
            raise BadValueError(f"{name}: {error}") from error
        except OSError as error:
            raise storage_error(Path(tempfile.gettempdir()), error) from error
        else:
            if sha256 in {None, digest.hexdigest()}:
                return
            reason = "its content has changed since it was first read"
    raise UnreachableError(f"{name}: {reason} (asked {ATTEMPTS} times)")
