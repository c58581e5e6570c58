"""From a pattern to the shards it means."""

import glob
import os
import re

from vaelab.data.folders import natural
from vaelab.data.shards.places import is_remote, shown
from vaelab.errors import BadValueError, MissingFileError

MOST = 100_000
"""Shards of one pattern; more is a slip of the pen."""

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"([0-9]{1,18})\.\.([0-9]{1,18})")


def expand(pattern: str) -> list[str]:
    """The shards that a pattern means, in order.

    Args:
        pattern: files or an address, `train-{000..099}.tar` or `{a,b}.tar`; of files also `*`, or
            a folder of .tar files.

    Raises:
        MissingFileError: no file is like that. Files that braces name need not be there.
        BadValueError: braces that run backwards or far too long, or a shard that is named twice.
    """
    places = [found for place in _braced(pattern) for found in _found(place)]
    if len(set(places)) < len(places):
        raise BadValueError(
            f"{shown(pattern)} names a shard twice; every shard is read once an epoch"
        )
    return places


def _braced(pattern: str) -> list[str]:
    braces = _BRACES.search(pattern)
    if braces is None:
        return [pattern]
    choices, tails = _choices(pattern, braces[1]), _braced(pattern[braces.end() :])
    if len(choices) * len(tails) > MOST:
        raise BadValueError(
            f"{shown(pattern)} means more than {MOST:,} shards; that cannot be meant"
        )
    return [f"{pattern[: braces.start()]}{choice}{tail}" for choice in choices for tail in tails]


def _choices(pattern: str, inside: str) -> list[str]:
    numbers = _RANGE.fullmatch(inside)
    if numbers is None:
        return inside.split(",")
    first, last = int(numbers[1]), int(numbers[2])
    if not first <= last < first + MOST:
        raise BadValueError(
            f"{shown(pattern)}: braces go from a smaller number to a larger one, such as "
            f"{{000..099}}, over at most {MOST:,} shards"
        )
    return [f"{number:0{len(numbers[1])}d}" for number in range(first, last + 1)]


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
