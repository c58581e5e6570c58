"""Images in memory: uint8 pixels, labels and class names, in three splits."""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8

Images = UInt8[np.ndarray, "n c h w"]
Labels = Int64[np.ndarray, " n"]


class Outline(NamedTuple):
    """What a model has to know of its images: `(c, h, w)` and the number of classes."""

    image_shape: tuple[int, int, int]
    classes: int


@dataclass(frozen=True, eq=False)
class Split:
    """Images `(n, c, h, w)` in 0..255 with the index of each one's class."""

    images: Images
    labels: Labels

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def select(self, index: Int64[np.ndarray, " m"]) -> "Split":
        """The images at `index`, in that order."""
        return Split(self.images[index], self.labels[index])


@dataclass(frozen=True, eq=False)
class Store:
    """A whole data set.

    Attributes:
        name: what the figures call it.
        train: the images learned from.
        valid: the images the best weights are chosen on; may be empty.
        test: the images numbers are reported on; never used to choose anything.
        classes: names of the classes; labels are indices into it.
        checksum: SHA-256 that identifies the images, labels and class names, and which image went
            into which split; taken before binarisation, so the same for all `pixels`.
    """

    name: str
    train: Split
    valid: Split
    test: Split
    classes: tuple[str, ...]
    checksum: str

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""
        return self.train.image_shape

    @property
    def outline(self) -> Outline:
        """What a model has to know of the images."""
        return Outline(self.image_shape, len(self.classes))

    @property
    def splits(self) -> dict[str, Split]:
        """The three splits by name."""
        return {"train": self.train, "valid": self.valid, "test": self.test}


def checksum(splits: tuple[Split, ...], classes: tuple[str, ...]) -> str:
    """SHA-256 over shapes, pixels, labels and class names."""
    digest = hashlib.sha256(repr(classes).encode())
    for split in splits:
        digest.update(repr(split.images.shape).encode())
        digest.update(np.ascontiguousarray(split.images).data)
        digest.update(np.ascontiguousarray(split.labels).data)
    return digest.hexdigest()
