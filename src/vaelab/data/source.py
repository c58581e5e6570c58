"""A source of images: what every kind of data shares, from raw files to the three splits."""

import hashlib
import logging
from abc import ABC, abstractmethod
from enum import IntEnum

import numpy as np
from pydantic import Field

from vaelab.data.pixels import BinaryPixels, PixelsConfig, UnitPixels
from vaelab.data.raw import Raw
from vaelab.data.store import ImageSpec, Index, Split, Store
from vaelab.errors import BadValueError
from vaelab.randomness import Purpose, derived_seed
from vaelab.registry import Axis, Kind


class SplitRole(IntEnum):
    """The parts of the data; each has random numbers of its own under one seed."""

    TRAIN = 0
    VALID = 1
    TEST = 2


class Source(Kind, ABC):
    """Where images come from, and how they are split."""

    axis = Axis("data", "data", "The images a model is trained and tested on.")

    pixels: PixelsConfig = UnitPixels()
    """Meaning of a pixel to the model: unit, signed, levels or binary."""
    validation: int | None = Field(default=None, ge=0)
    """Images held out of training, every class its share; null is a tenth, 0 is none."""
    seed: int = Field(default=0, ge=0)
    """Seed of the splits and of static binarisation; training.seed never changes it."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What the figures call the data."""

    @abstractmethod
    def raw(self) -> Raw:
        """Images, labels and class names, before any choice of splits and pixels."""

    def load(self) -> Store:
        """Read, split and, where the pixels are drawn only once, draw them."""
        raw = self.raw()
        rest, test_index, test = self._test(raw)
        kept, held = self._validation(raw.train.labels[rest])
        train_index, valid_index = rest[kept], rest[held]
        splits = (_take(raw.train, train_index), _take(raw.train, valid_index), test)
        train, valid, test = self._binarised(splits)
        identity = _identity(raw.checksum, (train_index, valid_index, test_index))
        return Store(self.name, train, valid, test, raw.classes, identity, raw.factor_names)

    def image_spec(self) -> ImageSpec:
        """Shape and classes of the images, read from the files unless they are known without."""
        raw = self.raw()
        return ImageSpec(raw.train.image_shape, len(raw.classes))

    def _test(self, raw: Raw) -> tuple[Index, Index, Split]:
        """The indices that are not test images, those that are, and the test images."""
        return np.arange(len(raw.train)), np.arange(0), raw.test

    def _validation(self, labels: Index) -> tuple[Index, Index]:
        """The places in `labels` that stay for training, and those held out."""
        count = round(len(labels) / 10) if self.validation is None else self.validation
        if count >= len(labels):
            raise BadValueError(
                f"data.validation is {count}, but there are only {len(labels)} training images; "
                "hold out fewer, or 0 for none"
            )
        return hold_out(labels, count, np.random.default_rng((self.seed, SplitRole.VALID)))

    def _binarised(self, splits: tuple[Split, Split, Split]) -> tuple[Split, ...]:
        if not isinstance(self.pixels, BinaryPixels) or self.pixels.dynamic:
            return splits
        if self.pixels.mode == "threshold":
            logging.getLogger("vaelab").warning(
                "data.pixels cuts at the middle grey: numbers are not comparable with published "
                "ones, which draw x ~ Bernoulli(v / 255); use mode `static` or `dynamic` for those"
            )
        # every split has draws of its own, else equal places would share their noise
        return tuple(
            self.pixels.freeze(split, derived_seed(self.seed, Purpose.PIXELS, role))
            for split, role in zip(splits, SplitRole, strict=True)
        )


class UndividedSource(Source, ABC):
    """A source that may lack test images, which are then held out of the whole."""

    test_fraction: float = Field(default=0.2, gt=0, lt=1)
    """Share of the images kept for the test where the source has no test images of its own."""

    def _test(self, raw: Raw) -> tuple[Index, Index, Split]:
        if len(raw.test):
            return super()._test(raw)
        count = round(self.test_fraction * len(raw.train))
        if not 0 < count < len(raw.train):
            raise BadValueError(
                f"{self.name}: data.test_fraction {self.test_fraction} of {len(raw.train):,} "
                f"image{'s' * (len(raw.train) != 1)} is {count}; both training and test need at "
                "least one image: take more images, or another data.test_fraction"
            )
        draws = np.random.default_rng((self.seed, SplitRole.TEST))
        rest, held = hold_out(raw.train.labels, count, draws)
        return rest, held, raw.train.select(held)


def _take(split: Split, index: Index) -> Split:
    """The images at an ascending `index`; the split itself, uncopied, if that is all of them."""
    return split if len(index) == len(split) else split.select(index)


def _identity(content: str, indices: tuple[Index, ...]) -> str:
    digest = hashlib.sha256(content.encode())
    for index in indices:
        digest.update(len(index).to_bytes(8, "little"))
        digest.update(index.astype("<i8").data)
    return digest.hexdigest()


def hold_out(labels: Index, count: int, draws: np.random.Generator) -> tuple[Index, Index]:
    """Choose `count` images at random, from each class its share.

    Class c with n_c of the n images gives floor(count n_c / n) of them, and the largest remainders
    one more, so that every share is kept to within one image. Given are the indices that stay and
    those held out, both ascending.
    """
    shuffled = draws.permutation(len(labels))
    held = np.zeros(len(labels), dtype=bool)
    for label, quota in enumerate(_quotas(np.bincount(labels), count)):
        held[shuffled[labels[shuffled] == label][:quota]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def _quotas(sizes: Index, count: int) -> Index:
    """Divide `count` by the method of largest remainders (Hamilton)."""
    quotas, remainders = np.divmod(count * sizes, max(1, sizes.sum()))
    missing = count - quotas.sum()
    quotas[np.argsort(-remainders, kind="stable")[:missing]] += 1
    return quotas
