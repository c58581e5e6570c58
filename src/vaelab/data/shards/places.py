"""Where shards lie, files or addresses, and what they are called."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from vaelab.errors import MissingFileError

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
    path, *query = place.partition("?")
    return "".join([path.rpartition("/")[0], "/", name, *query])


def inside(folder: str, name: str) -> str:
    """A place in a folder."""
    if not is_remote(folder):
        return str(Path(folder) / name)
    path, *query = folder.partition("?")
    return "".join([path.rstrip("/"), "/", name, *query])
