"""Where shards lie, files or addresses, and how they are opened."""

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Generator
from contextlib import closing
from io import BufferedRandom, BufferedReader
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from vaelab.errors import MissingFileError
from vaelab.files import storage_error

ATTEMPTS = 3
"""Times an address is asked."""
TIMEOUT = 20
"""Seconds a server may be silent."""
CHUNK = 2**20
"""Bytes asked for at once."""
GONE = frozenset({401, 403, 404, 410})
"""Answers that do not change when a server is asked again."""

_ADDRESS = re.compile(r"[a-z][a-z0-9+.:-]*://", re.IGNORECASE)


class UnreachableError(MissingFileError):
    """A shard that cannot be had, and why."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{shown(place)}: {reason}")
        self.reason = reason


class AbsentError(UnreachableError):
    """A shard that is not there, so that asking again is in vain."""


def is_remote(place: str) -> bool:
    """Whether a place is an address, such as https://host/file or s3://bucket/file."""
    return bool(_ADDRESS.match(place))


def shown(place: str) -> str:
    """A place as messages name it: an address without password and signature."""
    if not is_remote(place):
        return place
    parts = urlsplit(place)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def file_name(place: str) -> str:
    """The last part of a place."""
    return Path(shown(place)).name


def beside(place: str, name: str) -> str:
    """Another place in the same folder."""
    if not is_remote(place):
        return str(Path(place).with_name(name))
    parts = urlsplit(place)
    return parts._replace(path=f"{parts.path.rpartition('/')[0]}/{name}").geturl()


def state(place: str) -> str:
    """What changes with the content of a place: size and time, or what the server tells of it.

    Raises:
        UnreachableError: there is nothing.
    """
    if is_remote(place):
        return f"{place} {_told(place)}"
    try:
        fact = os.stat(place)
    except OSError as error:
        raise _failed(place, error) from error
    return f"{place} {fact.st_size} {fact.st_mtime_ns}"


def opened(place: str, sha256: str | None = None) -> BufferedReader | BufferedRandom:
    """A file for reading; what an address has is fetched whole into a nameless temporary file.

    Args:
        place: a file or an address.
        sha256: of what an address has to send, if that is known.

    Raises:
        UnreachableError: nothing is there, or it did not come whole in several attempts.
        StorageError: the disk of temporary files (TMPDIR) is full.
    """
    if not is_remote(place):
        try:
            return open(place, "rb")
        except OSError as error:
            raise _failed(place, error) from error
    file = tempfile.TemporaryFile(prefix="vaelab-shard-")
    try:
        _fetch(place, file, sha256)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _fetch(place: str, file: IO[bytes], sha256: str | None) -> None:
    reason = ""
    for attempt in range(ATTEMPTS):
        time.sleep(attempt)
        file.seek(0)
        file.truncate()
        digest = hashlib.sha256()
        try:
            with closing(_chunks(place)) as chunks:
                for chunk in chunks:
                    digest.update(chunk)
                    _write(file, chunk)
        except AbsentError:
            raise
        except UnreachableError as error:
            reason = error.reason
            continue
        if sha256 in (None, digest.hexdigest()):
            return
        reason = "it is not the shard that its index.json tells of"
    raise UnreachableError(place, f"{reason} (asked {ATTEMPTS} times)")


def _write(file: IO[bytes], chunk: bytes) -> None:
    try:
        file.write(chunk)
    except OSError as error:
        raise storage_error(Path(tempfile.gettempdir()), error) from error


def _chunks(place: str) -> Generator[bytes]:
    return _served(place) if _is_http(place) else _stored(place)


def _served(address: str) -> Generator[bytes]:
    import requests  # a fifth of a second, which only an address need spend

    try:
        with requests.get(
            address, stream=True, timeout=TIMEOUT, headers={"Accept-Encoding": "identity"}
        ) as answer:
            if answer.status_code in GONE:
                raise AbsentError(address, f"the server answers {answer.status_code}")
            answer.raise_for_status()
            yield from answer.iter_content(CHUNK)
    except requests.RequestException as error:
        raise _failed(address, error) from error


def _stored(address: str) -> Generator[bytes]:
    import fsspec

    try:
        with fsspec.open(address, "rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except Exception as error:  # every storage has errors of its own
        raise _failed(address, error) from error


def _told(address: str) -> str:
    """What an address tells of its content, nothing where it is silent."""
    if not _is_http(address):
        import fsspec

        try:
            storage, path = fsspec.url_to_fs(address)
            return str(storage.ukey(path))
        except Exception as error:
            raise _failed(address, error) from error
    import requests

    try:
        answer = requests.head(address, timeout=TIMEOUT, allow_redirects=True)
    except requests.RequestException as error:
        raise _failed(address, error) from error
    tags = ("Content-Length", "ETag", "Last-Modified")  # none where the server answers only GET
    return " ".join(answer.headers.get(tag, "") for tag in tags if answer.ok)


def _is_http(address: str) -> bool:
    return address.startswith(("http://", "https://"))


def _failed(place: str, error: Exception) -> UnreachableError:
    """An error of a disk or a library, in words without the address, which may hold a password."""
    if isinstance(error, FileNotFoundError):
        return AbsentError(place, "there is no such file")
    if isinstance(error, ImportError | ValueError):  # a package is missing, or the kind is unknown
        return AbsentError(place, str(error))
    strerror = error.strerror if isinstance(error, OSError) else None
    words = strerror or re.sub(r"\S*://\S*|for url.*", "", str(error)).strip(" :,")
    return UnreachableError(place, words or type(error).__name__)
