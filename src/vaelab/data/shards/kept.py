"""What of the images in shards is kept in memory."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vaelab.data.progress import in_threads
from vaelab.data.raw import Raw, divided
from vaelab.data.shards.catalogue import identity
from vaelab.data.shards.stream import ShardStream
from vaelab.data.store import Split
from vaelab.errors import BadValueError

FEW = 10_000
"""Images of a sample of the training images, and held out unasked, at most."""
LITTLE = 2**28
"""Bytes of them, at most."""


@dataclass(frozen=True, eq=False)
class Found:
    """The images of the three splits in their shards, and the names of their classes."""

    train: ShardStream
    valid: ShardStream
    test: ShardStream
    classes: tuple[str, ...]

    @property
    def sample(self) -> ShardStream:
        """The first training images, as many as are kept in memory."""
        return self.train.between(0, few(self.train))

    def identity(self, *splits: ShardStream) -> str:
        """SHA-256 of what is in these splits."""
        return identity([split.shards for split in splits], self.train.shape, self.classes)


def few(stream: ShardStream) -> int:
    """How many of such images are few."""
    return max(1, min(FEW, LITTLE // stream.image_bytes))


def held_out(train: ShardStream, count: int, what: str) -> tuple[ShardStream, ShardStream]:
    """The training images without the last `count`, and these."""
    rest = len(train) - count
    if rest < 1:
        raise BadValueError(
            f"of {len(train)} training images {count} were to be held out for {what}; hold out "
            "fewer with data.validation, or give shards of their own to valid and test"
        )
    return train.between(0, rest), train.between(rest, len(train))


def read(parts: Sequence[ShardStream], classes: tuple[str, ...]) -> Raw:
    """Sample, validation and test images; the first two one after the other."""
    sample, valid, test = map(_in_memory, parts)
    both = zip((sample.images[:], sample.labels), (valid.images[:], valid.labels), strict=True)
    images, labels = (np.concatenate(pair) for pair in both)
    return divided(Split(images, labels), test, classes)


def _in_memory(stream: ShardStream) -> Split:
    images = np.empty((len(stream), *stream.shape), dtype=np.uint8)
    labels = np.empty(len(stream), dtype=np.int64)
    starts = np.cumsum([0, *(shard.images for shard in stream.shards)])

    def fill(index: int) -> None:
        for place, image in enumerate(stream.all_of(index), starts[index]):
            images[place] = image.pixels
            labels[place] = image.label

    in_threads(fill, range(len(stream.shards)), f"reading {len(stream):,} images")
    return Split(images, labels)
