"""Images as uint8 or float pixels, labels and class names, in three splits."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from vaelab.data.mapped import MAX_MEMORY_BYTES, MappedImages
from vaelab.data.shards.stream import ShardStream
from vaelab.errors import BadValueError

SplitName = Literal["train", "valid", "test"]
Images = UInt8[np.ndarray, "n c h w"] | Float32[np.ndarray, "n c h w"]
Labels = Int64[np.ndarray, " n"]
Factors = Int64[np.ndarray, "n f"]
Index = Int64[np.ndarray, "_"]
"""Places of images, or of other things."""

CHUNK_BYTES = 2**24
"""Bytes at once, where all images are gone through."""


class ImageSpec(NamedTuple):
    """What a model has to know of its images: `(c, h, w)` and the number of classes."""

    image_shape: tuple[int, int, int]
    classes: int


@dataclass(frozen=True, eq=False)
class Split:
    """Images `(n, c, h, w)`, bytes or floats, with the index of each one's class."""

    images: Images | MappedImages
    labels: Labels
    factors: Factors | None = None
    """The value of each factor that made an image, an index from 0, where they are known."""

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def select(self, index: slice | Int64[np.ndarray, " m"]) -> "Split":
        """The images at `index`, in that order: in memory unless they are many in a file.

        A slice of images in memory is not copied.
        """
        labels = self.labels[index]
        factors = None if self.factors is None else self.factors[index]
        size = self.images.dtype.itemsize * prod(self.image_shape)
        few = len(labels) * size <= MAX_MEMORY_BYTES
        if few or not isinstance(self.images, MappedImages):
            return Split(self.images[index], labels, factors)
        return Split(self.images.select(index), labels, factors)

    def some(self, count: int) -> "Split":
        """At most `count` images, evenly spread."""
        return self if len(self) <= count else self.select(evenly_spaced(len(self), count))


@dataclass(frozen=True, eq=False)
class Store:
    """A whole data set.

    Where the images learned from are read from shards, they are the stream, and `train` has some of
    its first, for pictures and measurements. The weights to keep are chosen on `valid`, which may
    be empty, and nothing is ever chosen on `test`. The checksum is SHA-256 of images, labels, class
    names and which image went into which split, before binarisation: the same for all `pixels`.
    """

    name: str
    train: Split
    valid: Split
    test: Split
    classes: tuple[str, ...]
    checksum: str
    factor_names: tuple[str, ...] = ()
    stream: ShardStream | None = None

    @property
    def training_images(self) -> int:
        """How many images are learned from."""
        return len(self.train) if self.stream is None else len(self.stream)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""
        return self.train.image_shape

    @property
    def image_spec(self) -> ImageSpec:
        """What a model has to know of the images."""
        return ImageSpec(self.image_shape, len(self.classes))

    @property
    def splits(self) -> dict[str, Split]:
        """The three splits by name."""
        return {"train": self.train, "valid": self.valid, "test": self.test}

    def split(self, name: str) -> Split:
        """One of them.

        Raises:
            BadValueError: there is none of that name.
        """
        if name not in self.splits:
            raise BadValueError(f"there is no split `{name}`; choose one of train, valid and test")
        return self.splits[name]


def chunks(images: Images | MappedImages) -> Iterator[Images]:
    """All images in order, some at a time."""
    size = max(1, CHUNK_BYTES // max(1, images.dtype.itemsize * prod(images.shape[1:])))
    for start in range(0, len(images), size):
        yield images[start : start + size]


def images_checksum(split: Split, labelled: bool) -> str:
    """SHA-256 of the images of a split as they are, and of their labels where those count."""
    digest = hashlib.sha256()
    _add(split, labelled, digest)
    return digest.hexdigest()


def checksum(splits: tuple[Split, ...], classes: tuple[str, ...]) -> str:
    """SHA-256 over shapes, pixels, labels, class names and, where there are any, factors."""
    digest = hashlib.sha256(repr(classes).encode())
    for split in splits:
        _add(split, True, digest)
        if split.factors is not None:
            digest.update(repr(split.factors.shape).encode())
            digest.update(np.ascontiguousarray(split.factors).data)
    return digest.hexdigest()


def _add(split: Split, labelled: bool, digest: "hashlib._Hash") -> None:
    digest.update(repr(split.images.shape).encode())
    for images in chunks(split.images):
        digest.update(np.ascontiguousarray(images).data)
    if labelled:
        digest.update(np.ascontiguousarray(split.labels).data)


def evenly_spaced(total: int, count: int) -> Int64[np.ndarray, " count"]:
    """`count` of `total` indices, the first among them: floor(j total / count)."""
    return np.arange(count, dtype=np.int64) * total // max(1, count)
