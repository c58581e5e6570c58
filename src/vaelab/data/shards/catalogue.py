"""All shards of a data set: what they hold, whether they go together, what is wrong with them."""

import hashlib
import logging
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from vaelab.data.folders import natural
from vaelab.data.shards.entry import INDEX, Entry
from vaelab.data.shards.indices import Indices
from vaelab.data.shards.places import beside, file_name, is_remote, shown
from vaelab.data.shards.scan import scan
from vaelab.data.shards.stream import ADVICE, Shard
from vaelab.errors import BadValueError, MissingFileError

Damaged = Literal["fail", "skip"]
UNREACHED = "put this right, or leave out such shards with data.damaged=skip"
"""What to do about shards that cannot be had."""
SHOWN = 3
"""Damages told one by one."""


@dataclass(frozen=True, eq=False)
class Catalogue:
    """The shards of each split, and what they have in common.

    Attributes:
        splits: train, valid and test; the last two may be empty.
        classes: names of the classes.
        labels: the index of each class, by how it is written in the shards.
    """

    splits: Mapping[str, tuple[Shard, ...]]
    classes: tuple[str, ...]
    labels: Mapping[str, int]

    @property
    def shards(self) -> list[Shard]:
        """Those of all splits."""
        return [shard for shards in self.splits.values() for shard in shards]

    def shape(
        self, size: tuple[int, int] | None, channels: Literal[1, 3] | None
    ) -> tuple[int, int, int]:
        """Channels, height and width of every image, as they will be.

        Raises:
            BadValueError: they differ in size, and none is asked for.
        """
        shapes = {s.place: s.entry.shape for s in self.shards if s.entry.shape is not None}
        first, (_, *usual) = next(iter(shapes.items()))
        if size is None:
            for shard in self.shards:
                other = shapes.get(shard.place, (0, *usual))[1:]
                differ = shard.entry.unlike
                if other != tuple(usual):
                    differ = f"{other[1]}x{other[0]}, but those of {shown(first)} are "
                    differ += f"{usual[1]}x{usual[0]}"
                if differ:
                    raise BadValueError(
                        f"{shown(shard.place)}: images of different sizes: {differ} (width x "
                        "height); set data.size, e.g. size: 64, to scale and crop them all"
                    )
        height, width = size or usual
        return channels or max(shape[0] for shape in shapes.values()), height, width


def catalogue(places: Mapping[str, Sequence[str]], indices: Indices, damaged: Damaged) -> Catalogue:
    """Find out what shards hold.

    Args:
        places: of the shards of each split.
        indices: those beside them.
        damaged: whether a damaged image or shard is an error or left out.

    Raises:
        UserError: something is damaged, or no training image is whole, or shards do not go
            together.
    """
    entries = _entries(places, indices, damaged)
    _refuse_copies(places, entries)
    _judge(entries, damaged)
    splits = {
        split: tuple(
            Shard(place, entries[place].without_keys, 0, entries[place].good)
            for place in wanted
            if entries[place].good
        )
        for split, wanted in places.items()
    }
    for split, wanted in places.items():
        if wanted and not splits[split]:
            raise BadValueError(
                f"none of the {len(wanted)} {split} shards, {shown(wanted[0])} first, has an image "
                "that is whole"
            )
    return Catalogue(splits, *_classes(splits, indices))


def identity(splits: Sequence[Sequence[Shard]], *more: object) -> str:
    """SHA-256 over the content of the shards of each split, whatever these are called."""
    digest = hashlib.sha256(repr(more).encode())
    for shards in splits:
        digest.update(b"split")
        for shard in shards:
            left_out = sorted(shard.entry.damaged)
            digest.update(f"{shard.entry.sha256} {shard.first} {shard.images} {left_out}".encode())
    return digest.hexdigest()


def _entries(
    places: Mapping[str, Sequence[str]], indices: Indices, damaged: Damaged
) -> dict[str, Entry]:
    """What the indices tell of shards, and of the others what is in them."""
    # an index does not know what has been damaged since
    told = {} if damaged == "skip" else _told(places, indices)
    known = {place: entry for place, entry in told.items() if _is_as_long(place, entry)}
    others = [place for place in chain.from_iterable(places.values()) if place not in known]
    for place in filter(is_remote, others[:1]):  # a host that is away is not asked for all others
        entry = known[place] = scan([place])[0]
        if damaged == "fail" and not entry.sha256:
            _judge({place: entry}, damaged)
        others.remove(place)
    return known | dict(zip(others, scan(others), strict=True))


def _told(places: Mapping[str, Sequence[str]], indices: Indices) -> dict[str, Entry]:
    """The entries of folders whose index tells of every shard of a split.

    Where it does not, the names of samples are compared, and an index has none.
    """
    told: dict[str, Entry] = {}
    for wanted in places.values():
        folders = defaultdict(list)
        for place in wanted:
            folders[beside(place, INDEX)].append(place)
        for folder in folders.keys() & indices.keys():
            listed = indices[folder].shards
            names = {place: file_name(place) for place in folders[folder]}
            if listed.keys() >= set(names.values()):
                told |= {place: listed[name] for place, name in names.items()}
    return told


def _is_as_long(place: str, entry: Entry) -> bool:
    if is_remote(place):
        return True  # its SHA-256 is checked whenever it is fetched
    try:
        return os.path.getsize(place) == entry.bytes
    except OSError:
        return False


def _refuse_copies(places: Mapping[str, Sequence[str]], entries: Mapping[str, Entry]) -> None:
    """Refuse a shard given twice, under one name or two, and a sample twice in a folder's split.

    Samples of two folders may share a name: `vaelab data shard` calls the first of each the same.
    """
    contents: dict[str, tuple[str, str]] = {}
    for split, wanted in places.items():
        folders: dict[str, dict[str, str]] = defaultdict(dict)
        for place in wanted:
            entry = entries[place]
            other = contents.setdefault(entry.sha256 or place, (split, place))
            if entry.good and other != (split, place):
                raise BadValueError(
                    f"the {split} shard {shown(place)} and the {other[0]} shard {shown(other[1])} "
                    "are the same; leave one of them out"
                )
            keys = folders[beside(place, INDEX)]
            for key in entry.keys:
                if key in keys:
                    raise BadValueError(
                        f"{shown(keys[key])} and {shown(place)} share the sample {key}; among the "
                        f"{split} images of a folder a name belongs to one sample"
                    )
                keys[key] = place


def _judge(entries: Mapping[str, Entry], damaged: Damaged) -> None:
    """Stop at damage, or tell of it in a line."""
    broken = [place for place, entry in entries.items() if entry.broken]
    images = [(place, why) for place, entry in entries.items() for why in entry.damaged.values()]
    wrong = [f"{shown(place)}: {entries[place].broken}" for place in broken]
    wrong += [f"{shown(place)}, sample {why}" for place, why in images]
    if not wrong:
        return
    if damaged == "fail":
        more = f" (and {len(wrong) - 1} more like this)" if len(wrong) > 1 else ""
        if broken and not entries[broken[0]].sha256:
            raise MissingFileError(f"{wrong[0]}{more}; {UNREACHED}")
        raise BadValueError(f"{wrong[0]}{more}; {ADVICE}")
    told = "; ".join(wrong[:SHOWN]) + ("; ..." if len(wrong) > SHOWN else "")
    logging.getLogger("vaelab").warning(
        "%d damaged images are left out, and all that follows the damage in %d shards: %s",
        len(images), len(broken), told,
    )  # fmt: skip


def _classes(
    splits: Mapping[str, Sequence[Shard]], indices: Indices
) -> tuple[tuple[str, ...], dict[str, int]]:
    """Names of the classes, and the index of each by how it is written.

    They are those of the indices, else what the training shards say, 2 before 10.
    """
    found = {split: _labels(shards) for split, shards in splits.items()}
    every = set().union(*found.values())
    for index in indices.values():  # all have the same
        numbers = {str(number): number for number in range(len(index.classes))}
        if every <= numbers.keys():
            return index.classes, numbers
    if every == {""}:
        return ("images",), {"": 0}
    if "" in every:
        raise BadValueError(
            "some samples have a class (a file .cls) and some have none; give one to all or to none"
        )
    for split, labels in found.items():
        if unknown := sorted(labels - found["train"], key=natural):
            raise BadValueError(
                f"the {split} shards have the class `{unknown[0]}`, which no training image has; "
                f"their classes are {', '.join(sorted(found['train'], key=natural))}"
            )
    classes = tuple(sorted(every, key=natural))
    return classes, {name: number for number, name in enumerate(classes)}


def _labels(shards: Sequence[Shard]) -> set[str]:
    return {label for shard in shards for label in shard.entry.labels}
