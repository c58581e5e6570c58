"""What a source holds before it is split: images, labels, class names and their checksum."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int64, Integer, Shaped

from vaelab.data.mapped import MappedImages
from vaelab.data.store import Images, Split, checksum
from vaelab.errors import BadValueError


@dataclass(frozen=True, eq=False)
class Raw:
    """Images and labels as the source has them; all for training where it does not divide them."""

    train: Split
    test: Split
    classes: tuple[str, ...]
    factor_names: tuple[str, ...] = ()
    known: str | None = None
    """The checksum, where it need not be computed."""

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over pixels, labels, class names and factors."""
        return self.known or checksum((self.train, self.test), self.classes)


@dataclass(frozen=True, eq=False)
class RawSplit:
    """Images with the class numbers (from 0) or names their source gives them, not yet indices."""

    where: str
    images: Images | MappedImages
    numbers: Shaped[np.ndarray, " m"]

    def __post_init__(self) -> None:
        if len(self.images) != len(self.numbers):
            raise BadValueError(
                f"{self.where}: {len(self.images)} images but {len(self.numbers)} labels; "
                "each image needs one label"
            )
        if 0 in self.images.shape:
            raise BadValueError(f"{self.where}: there are no images; at least one is needed")
        if self.numbers.dtype.kind == "i" and self.numbers.min() < 0:
            index = int(np.argmax(self.numbers < 0))
            raise BadValueError(
                f"{self.where}: label {index} (counted from 0) is {self.numbers[index]}; "
                "labels are integers from 0"
            )


def undivided(train: Split, classes: Sequence[str], factor_names: Sequence[str] = ()) -> Raw:
    """Raw data without a test split of its own."""
    return Raw(train, train.select(slice(0)), tuple(classes), tuple(factor_names))


def from_parts(
    train: RawSplit, test: RawSplit | None = None, *, names: Sequence[str] | None = None
) -> Raw:
    """Turn numbered classes into indices and names.

    Without `names`, of class number 0, 1, ..., a class is called by its number or name, and those
    that never occur in `train` are no classes.
    """
    known = np.unique(train.numbers) if names is None else np.arange(len(names))
    classes = tuple(map(str, known) if names is None else names)
    whole = Split(train.images, _indices(train, known))
    if test is None:
        return undivided(whole, classes)
    if train.images.shape[1:] != test.images.shape[1:]:
        raise BadValueError(
            f"{train.where} has images of shape {train.images.shape[1:]} (channels, height, width) "
            f"but {test.where} has {test.images.shape[1:]}; they must be the same"
        )
    return Raw(whole, Split(test.images, _indices(test, known)), classes)


def _indices(part: RawSplit, known: Shaped[np.ndarray, " k"]) -> Int64[np.ndarray, " n"]:
    unknown = ~np.isin(part.numbers, known)
    if unknown.any():
        index = int(np.argmax(unknown))
        listed = ", ".join(str(number) for number in known)
        raise BadValueError(
            f"{part.where}: label {index} (counted from 0) is {part.numbers[index]}, "
            f"but the classes are {listed}"
        )
    return np.searchsorted(known, part.numbers).astype(np.int64)


def check_shape(where: str, images: np.ndarray) -> None:
    """Refuse arrays of another shape than `(n, h, w)`, `(n, h, w, c)` or `(n, c, h, w)`."""
    channels = {1, 3} & {images.shape[3], images.shape[1]} if images.ndim == 4 else {}
    if images.ndim != 3 and not channels:
        raise BadValueError(
            f"{where}: shape {images.shape}; wanted is (n, h, w), (n, h, w, c) or (n, c, h, w) "
            "with 1 or 3 channels"
        )


def class_numbers(where: str, labels: np.ndarray) -> Integer[np.ndarray, " n"]:
    """The labels `(n)` or `(n, 1)` as one number each."""
    if labels.dtype.kind not in "iu":
        raise BadValueError(
            f"{where}: dtype {labels.dtype}, but labels are integers; save y.astype(np.int64)"
        )
    if labels.ndim != 1 and labels.shape[1:] != (1,):
        raise BadValueError(
            f"{where}: shape {labels.shape}; wanted is one number for each image, (n,); "
            "from one-hot rows save y.argmax(axis=1)"
        )
    return labels.ravel()
