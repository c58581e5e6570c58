"""What a source holds before it is split: images, labels, class names and their checksum."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer

from vaelab.data.mapped import MappedImages
from vaelab.data.store import Images, Split, checksum
from vaelab.errors import BadValueError

Identify = Callable[[tuple[Split, ...], tuple[str, ...]], str]
"""Finds the checksum of splits and class names."""


@dataclass(frozen=True, eq=False)
class Raw:
    """Images and labels as the source has them.

    Attributes:
        train: the training images, or all images where the source does not divide them.
        test: the test images; empty where the source does not divide them.
        classes: names of the classes; labels are indices into it.
        checksum: SHA-256 over pixels, labels, class names and factors.
        factor_names: names of the columns of the factors, where the source knows such.
    """

    train: Split
    test: Split
    classes: tuple[str, ...]
    checksum: str
    factor_names: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Part:
    """Images with the class numbers their source gives them, before these become indices.

    Attributes:
        where: the file or folder, for messages.
        images: pixels `(n, c, h, w)`.
        numbers: the class number of each image `(n)`, in any range of integers from 0.
    """

    where: str
    images: Images | MappedImages
    numbers: Integer[np.ndarray, " m"]

    def __post_init__(self) -> None:
        if len(self.images) != len(self.numbers):
            raise BadValueError(
                f"{self.where}: {len(self.images)} images but {len(self.numbers)} labels; "
                "each image needs one label"
            )
        if 0 in self.images.shape:
            raise BadValueError(f"{self.where}: there are no images; at least one is needed")
        if self.numbers.min() < 0:
            index = int(np.argmax(self.numbers < 0))
            raise BadValueError(
                f"{self.where}: label {index} (counted from 0) is {self.numbers[index]}; "
                "labels are integers from 0"
            )


def undivided(
    train: Split,
    classes: Sequence[str],
    factor_names: Sequence[str] = (),
    identify: Identify = checksum,
) -> Raw:
    """Raw data without a test split of its own."""
    return divided(train, train.select(np.arange(0)), classes, factor_names, identify)


def divided(
    train: Split,
    test: Split,
    classes: Sequence[str],
    factor_names: Sequence[str] = (),
    identify: Identify = checksum,
) -> Raw:
    """Raw data with a test split of its own, empty if need be."""
    names = tuple(classes)
    return Raw(train, test, names, identify((train, test), names), tuple(factor_names))


def from_parts(
    train: Part,
    test: Part | None,
    names: Sequence[str] | None = None,
    identify: Identify = checksum,
) -> Raw:
    """Turn numbered classes into indices and names.

    Args:
        train: the training images, or all of them.
        test: the test images, if the source has such.
        names: the name of class number 0, 1, ...; by default a class is called by its number,
            and numbers that never occur in `train` are no classes.
        identify: finds the checksum.

    Raises:
        BadValueError: a number without a name, a class that only the test images have, or images
            of two shapes.
    """
    known = np.unique(train.numbers) if names is None else np.arange(len(names))
    classes = [str(number) for number in known] if names is None else names
    whole = Split(train.images, _indices(train, known))
    if test is None:
        return undivided(whole, classes, identify=identify)
    check_shapes(train.where, train.images.shape, test.where, test.images.shape)
    unknown = Split(test.images, _indices(test, known))
    return divided(whole, unknown, classes, identify=identify)


def check_shapes(
    where: str, images: tuple[int, ...], other_where: str, other: tuple[int, ...]
) -> None:
    """Refuse training and test images of different shapes.

    Raises:
        BadValueError: with both shapes.
    """
    if images[1:] != other[1:]:
        raise BadValueError(
            f"{where} has images of shape {images[1:]} (channels, height, width) but "
            f"{other_where} has {other[1:]}; they must be the same"
        )


def _indices(part: Part, known: Integer[np.ndarray, " k"]) -> Integer[np.ndarray, " n"]:
    unknown = ~np.isin(part.numbers, known)
    if unknown.any():
        index = int(np.argmax(unknown))
        listed = ", ".join(str(number) for number in known)
        raise BadValueError(
            f"{part.where}: label {index} (counted from 0) is {part.numbers[index]}, "
            f"but the classes are {listed}"
        )
    return np.searchsorted(known, part.numbers).astype(np.int64)
