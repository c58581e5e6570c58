"""The shards of the three splits: whether they go together, and what of them is kept in memory."""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from vaelab.data.formats.folders import natural
from vaelab.data.formats.pictures import Channels, Damaged, Size
from vaelab.data.prefetch import in_threads
from vaelab.data.raw import Raw
from vaelab.data.shards.index import Entry, Index, counted, indexed
from vaelab.data.shards.opening import redacted
from vaelab.data.shards.stream import Shard, ShardStream
from vaelab.data.store import Split
from vaelab.errors import BadValueError

MAX_KEPT_IMAGES = 10_000
"""Of the training images as a sample, and of those held out unasked."""
MAX_KEPT_BYTES = 2**28


@dataclass(frozen=True, eq=False)
class ShardSplits:
    """The images of the three splits in their shards, and the names of their classes."""

    train: ShardStream
    valid: ShardStream
    test: ShardStream
    classes: tuple[str, ...]

    @property
    def sample(self) -> ShardStream:
        """The first training images, as many as are kept in memory."""
        return self.train.between(0, max_kept(self.train))

    def identity(self, *splits: ShardStream) -> str:
        """SHA-256 over the content of the shards of these splits, whatever they are called."""
        digest = hashlib.sha256(repr((self.train.shape, self.classes)).encode())
        for split in splits:
            digest.update(b"split")
            for shard in split.shards:
                digest.update(f"{shard.sha256} {shard.first} {shard.images} []".encode())
        return digest.hexdigest()

    def kept(self) -> Raw:
        """Sample, validation and test images; the first two one after the other."""
        sample, valid, test = map(_in_memory, (self.sample, self.valid, self.test))
        images = np.concatenate([sample.images[:], valid.images[:]])
        labels = np.concatenate([sample.labels, valid.labels])
        identity = self.identity(self.sample, self.valid, self.test)
        return Raw(Split(images, labels), test, self.classes, known=identity)


def max_kept(stream: ShardStream) -> int:
    """How many images of these shards are kept in memory, at most."""
    channels, height, width = stream.shape
    return max(1, min(MAX_KEPT_IMAGES, MAX_KEPT_BYTES // (channels * height * width)))


def hold_out_last(train: ShardStream, images: int, what: str) -> tuple[ShardStream, ShardStream]:
    """The training images without the last so many, and these."""
    rest = len(train) - images
    if rest < 1:
        raise BadValueError(
            f"of {len(train)} training images {images} were to be held out for {what}; hold out "
            "fewer with data.validation, or give shards of their own to valid and test"
        )
    return train.between(0, rest), train.between(rest, len(train))


def usable_shards(
    places: Mapping[str, Sequence[str]], indices: Mapping[str, Index], size: Size, damaged: Damaged
) -> tuple[dict[str, tuple[Shard, ...]], dict[str, Entry]]:
    """The shards of each split that hold images, and what; what is left out is said in a line."""
    # an index does not know what has been damaged since
    entries = indexed(indices) if damaged == "fail" else {}
    unknown = [place for place in chain(*places.values()) if place not in entries]
    title = f"reading {len(unknown)} shards to find out what they hold"
    count = in_threads(lambda place: counted(place, size, damaged), unknown, title)
    entries |= dict(zip(unknown, count, strict=True))
    lost = [what for place in chain(*places.values()) for what in entries[place].damaged]
    if lost:
        logging.getLogger("vaelab").warning(
            "%d damaged images or shards, and all behind the damage in a shard, are left out: %s",
            len(lost),
            "; ".join(lost[:3]) + ("; ..." if len(lost) > 3 else ""),
        )  # fmt: skip
    splits = {}
    for split, wanted in places.items():
        shards = [(place, entries[place]) for place in wanted if entries[place].samples]
        splits[split] = tuple(
            Shard(place, entry.sha256, 0, entry.samples) for place, entry in shards
        )
        if wanted and not shards:
            raise BadValueError(
                f"none of the {len(wanted)} {split} shards, {redacted(wanted[0])} first, has an "
                "image that is whole"
            )
    _refuse_copies(splits)
    return splits, {shard.place: entries[shard.place] for shard in chain(*splits.values())}


def common_shape(
    entries: Mapping[str, Entry], size: Size, channels: Channels
) -> tuple[int, int, int]:
    """Channels, height and width of every image, as they will be."""
    shapes = [(place, entry.shape or (1, 1, 1)) for place, entry in entries.items()]
    first, (_, *usual) = shapes[0]
    for place, (_, height, width) in shapes:
        if size is None and [height, width] != usual:
            raise BadValueError(
                f"{redacted(place)}: images of different sizes: {width}x{height}, but those of "
                f"{redacted(first)} are {usual[1]}x{usual[0]} (width x height); set data.size, "
                "e.g. size: 64, to scale and crop them all"
            )
    height, width = size or usual
    return channels or max(shape[0] for _, shape in shapes), height, width


def class_names(
    splits: Mapping[str, Sequence[Shard]], entries: Mapping[str, Entry], indices: Iterable[Index]
) -> tuple[tuple[str, ...], dict[str, int]]:
    """Names of the classes, and the index of each by how it is written.

    They are those of the indices, else what the training shards say, 2 before 10.
    """
    found = {
        split: {label for shard in shards for label in entries[shard.place].labels}
        for split, shards in splits.items()
    }
    every = set().union(*found.values())
    for index in indices:  # all have the same
        numbers = {str(number): number for number in range(len(index.classes))}
        if every <= numbers.keys():
            return index.classes, numbers
    if every == {""}:
        return ("images",), {"": 0}
    if "" in every:
        raise BadValueError(
            "some samples have a class (a file .cls) and some have none; give one to all or to none"
        )
    classes = tuple(sorted(found["train"], key=natural))
    for split, labels in found.items():
        if unknown := sorted(labels - found["train"], key=natural):
            raise BadValueError(
                f"the {split} shards have the class `{unknown[0]}`, which no training image has; "
                f"their classes are {', '.join(classes)}"
            )
    return classes, {name: number for number, name in enumerate(classes)}


def _refuse_copies(splits: Mapping[str, Sequence[Shard]]) -> None:
    """Refuse a shard that is there under two names: its images would be seen twice, or leak."""
    known: dict[str, str] = {}
    for split, shards in splits.items():
        for shard in shards:
            name = f"{split} shard {redacted(shard.place)}"
            other = known.setdefault(shard.sha256, name)
            if other != name:
                raise BadValueError(f"the {name} and the {other} are the same; leave one out")


def _in_memory(stream: ShardStream) -> Split:
    images = np.empty((len(stream), *stream.shape), dtype=np.uint8)
    labels = np.empty(len(stream), dtype=np.int64)
    starts = np.cumsum([0, *(shard.images for shard in stream.shards)])

    def fill(index: int) -> None:
        for place, image in enumerate(stream.read(index), starts[index]):
            images[place], labels[place] = image

    in_threads(fill, range(len(stream.shards)), f"reading {len(stream):,} images")
    return Split(images, labels)
