"""The indices beside shards: each folder that `vaelab data shard` wrote has one."""

from collections.abc import Iterable, Mapping
from itertools import zip_longest

from pydantic import ValidationError

from vaelab.data.shards.entry import INDEX, Index
from vaelab.data.shards.opening import opened
from vaelab.data.shards.places import AbsentError, beside, shown
from vaelab.errors import BadValueError

LONGEST = 2**26
"""Bytes of an index: some hundred thousand shards."""

Indices = Mapping[str, Index]
"""By their own places."""


def read_index(place: str) -> Index | None:
    """The index at a place, if there is one.

    Raises:
        UnreachableError: nobody can tell whether there is one, or it cannot be read.
        BadValueError: it is damaged.
    """
    try:
        with opened(place) as file:
            content = file.read(LONGEST + 1)
            if len(content) > LONGEST:
                raise BadValueError(f"{shown(place)} is longer than {LONGEST:,} bytes")
            return Index.model_validate_json(content)
    except AbsentError:
        return None
    except ValidationError as error:
        raise BadValueError(
            f"{shown(place)}: this is no index of shards, or it is damaged; remove it, and the "
            "shards are read to find out what they hold"
        ) from error


def read_indices(shards: Iterable[str]) -> Indices:
    """The indices of all folders that these shards lie in.

    Raises:
        UserError: as `read_index`; or two indices number the classes differently.
    """
    places = dict.fromkeys(beside(shard, INDEX) for shard in shards)
    found = {place: index for place in places if (index := read_index(place)) is not None}
    for place, index in found.items():
        first, of_first = next(iter(found.items()))
        pairs = enumerate(zip_longest(of_first.classes, index.classes, fillvalue="missing"))
        for number, (one, other) in pairs:
            if one != other:
                raise BadValueError(
                    f"{shown(first)} and {shown(place)} number the classes differently: class "
                    f"{number} is {one} in the one and {other} in the other, and the labels in "
                    "the shards are such numbers; write the shards again from data with the same "
                    "classes"
                )
    return found
