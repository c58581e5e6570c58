"""What a pixel means to the model: from uint8 to its domain, and back to a picture."""

from abc import ABC, abstractmethod
from dataclasses import replace
from enum import StrEnum
from functools import partial
from math import prod
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from vaelab.data.mapped import MappedImages
from vaelab.data.store import Images, Index, Split
from vaelab.errors import BadValueError
from vaelab.registry import ONE_OF, Axis, Kind


class Domain(StrEnum):
    """The set a pixel's value lies in."""

    UNIT = "unit"
    SIGNED = "signed"
    BINARY = "binary"
    LEVELS = "levels"
    REAL = "real"


BOUNDS = {
    Domain.UNIT: (0.0, 1.0), Domain.SIGNED: (-1.0, 1.0), Domain.BINARY: (0.0, 1.0),
    Domain.LEVELS: (0.0, 255.0),
}  # fmt: skip
"""Smallest and largest value of the domains that have them."""

Bytes = UInt8[Tensor, "b c h w"]
Values = Float[Tensor, "b c h w"]
"""Pixels as the model sees them."""
Stored = Bytes | Values
"""Pixels as data has them."""


class Pixels(Kind, ABC):
    """A map from pixels as data has them to a domain."""

    axis = Axis(
        "pixels", "data.pixels",
        "What a pixel v of 0 to 255 is to the model: x, and so what a likelihood is a density of.",
    )  # fmt: skip

    @property
    @abstractmethod
    def domain(self) -> Domain:
        """Where its values lie."""

    @property
    def dynamic(self) -> bool:
        """Whether every use of an image draws its pixels afresh."""
        return False

    @property
    def drawn_once(self) -> bool:
        """Whether data.seed draws them, once and for all."""
        return False

    @property
    def words(self) -> str:
        """The domain and how its values are drawn: numbers of two are not comparable."""
        return self.domain.value

    @abstractmethod
    def __call__(self, images: Stored, uniform: Values | None = None) -> Values:
        """Pixels as the model sees them, by draws in [0, 1) if they are drawn afresh."""

    @property
    def range(self) -> tuple[float, float]:
        """Values that are drawn as black and as white; one domain, `real`, has none of its own."""
        return BOUNDS[self.domain]

    def to_unit(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Pixels of the model's domain as brightness in [0, 1], clipped, for a picture."""
        low, high = self.range
        return ((x - low) / (high - low)).clamp(0, 1)

    def of_picture(self, x: Values) -> Values:
        """X as a picture of 256 levels has it."""
        return self((255 * self.to_unit(x)).round().to(torch.uint8))

    def as_stored(self, x: Values) -> Stored:
        """Pixels of the model's domain as data has them: 0 to 255, or floats."""
        return (255 * self.to_unit(x)).round().to(torch.uint8)


class GreyPixels(Pixels, ABC):
    """Grey levels as numbers of an interval, in which a likelihood is a density.

    Dequantised they are spread over it: a density of 256 values has no bound, but minus the density
    of dequantised ones is a bound on minus the log probability of the values themselves, "A note on
    the evaluation of generative models" (Theis et al., 2016, section 3.1, arXiv 1511.01844).
    """

    dequantised: bool = False
    """Whether each level is spread over a 256th of the range by noise, drawn at every use."""

    @property
    def dynamic(self) -> bool:
        return self.dequantised

    @property
    def words(self) -> str:
        return f"dequantised {self.domain}" if self.dequantised else self.domain.value

    def of_picture(self, x: Values) -> Values:
        return self.model_copy(update={"dequantised": False})(self.as_stored(x))

    def _spread(self, images: Bytes, uniform: Values | None) -> Values:
        """(v + u) / 256; without draws the middle of each level."""
        return (images + (0.5 if uniform is None else uniform)) / 256


class UnitPixels(GreyPixels):
    """Grey levels in [0, 1].

    Dequantised, minus the ELBO plus log 256 nats a pixel bounds minus the log probability of the
    levels.
    """

    formula = "x = v / 255, or dequantised x = (v + u) / 256,  u ~ U(0, 1)"
    advice = "Use it with `gaussian`, `laplace` or `continuous_bernoulli`."
    references = """
        "A note on the evaluation of generative models" (Theis et al., 2016, section 3.1, arXiv
        1511.01844)"""

    domain: ClassVar[Domain] = Domain.UNIT
    kind: Literal["unit"] = "unit"

    def __call__(self, images: Bytes, uniform: Values | None = None) -> Values:
        return self._spread(images, uniform) if self.dequantised else images / 255


class SignedPixels(GreyPixels):
    """Grey levels in [-1, 1]."""

    formula = "x = 2 v / 255 - 1, or dequantised x = 2 (v + u) / 256 - 1,  u ~ U(0, 1)"
    advice = """Use it with a decoder that ends in `tanh`. A pixel covers twice the range that it
        has in `unit`, so its density is half as high, and nats of the two are not comparable."""

    domain: ClassVar[Domain] = Domain.SIGNED
    kind: Literal["signed"] = "signed"

    def __call__(self, images: Bytes, uniform: Values | None = None) -> Values:
        return 2 * self._spread(images, uniform) - 1 if self.dequantised else images / 127.5 - 1


class LevelsPixels(Pixels):
    """The grey levels themselves, 0 to 255."""

    formula = "x = v"
    advice = """Use it with `discretized_logistic` or `categorical`, which give each level a
        probability, for bits per dimension."""

    domain: ClassVar[Domain] = Domain.LEVELS
    kind: Literal["levels"] = "levels"

    def __call__(self, images: Bytes, uniform: Values | None = None) -> Values:
        return images.to(torch.get_default_dtype())


class BinaryPixels(Pixels):
    """Black or white, drawn with the grey level as probability, or cut at the middle grey.

    Burda et al. (2016) draws afresh at every use (`dynamic`). Salakhutdinov and Murray (2008) drew
    once, and many papers use the files that were drawn so: those are data `binarized_mnist`, whose
    pixels are black and white as `given`. `static` draws once too, but by data.seed, which gives
    other images and so numbers of another quantity. No two modes compare.
    """

    formula = "x ~ Bernoulli(v / 255), or x = 1 where v > 127, else 0"
    advice = "Use it with `bernoulli`, above all for nats on MNIST beside those of papers."
    references = """
        "Importance weighted autoencoders" (Burda et al., 2016, section 5, arXiv 1509.00519); "On
        the quantitative analysis of deep belief networks" (Salakhutdinov and Murray, 2008)"""

    domain: ClassVar[Domain] = Domain.BINARY
    kind: Literal["binary"] = "binary"
    mode: Literal["dynamic", "static", "threshold", "given"] = "dynamic"
    """Origin of black and white: drawn afresh each epoch, drawn once by data.seed, cut at the
    middle grey, or given so already."""

    @property
    def dynamic(self) -> bool:
        return self.mode == "dynamic"

    @property
    def drawn_once(self) -> bool:
        return self.mode == "static"

    @property
    def words(self) -> str:
        return f"{self.mode} binary"

    def __call__(self, images: Bytes, uniform: Values | None = None) -> Values:
        threshold = 0.5 if uniform is None else uniform
        return (images / 255 > threshold).to(torch.get_default_dtype())

    def freeze(self, split: Split, seed: int) -> Split:
        """The split with its pixels drawn (or cut, or checked) once and for all: 0 or 255.

        Images that stay in a file, ascending there, are drawn whenever they are read, to the same.
        """
        images = split.images
        if isinstance(images, MappedImages):
            return replace(split, images=images.changed(partial(self._frozen, seed, images.rows)))
        rows = np.arange(len(images))
        return replace(split, images=self._frozen(seed, rows, images, rows))

    def _frozen(self, seed: int, known: Index, images: Images, rows: Index) -> Images:
        """The images of some rows, drawn as when all that are known are drawn in turn."""
        if self.mode == "given":
            return _checked(images)
        if self.mode == "threshold":
            return np.where(images > 127, 255, 0).astype(np.uint8)
        bits, at, size = np.random.PCG64(seed), 0, prod(images.shape[1:])
        draws, drawn = np.random.Generator(bits), np.empty_like(images)
        for place, row in enumerate(np.searchsorted(known, rows).tolist()):
            bits.advance(row * size - at)
            drawn[place] = np.where(draws.random(images.shape[1:]) * 255 < images[place], 255, 0)
            at = (row + 1) * size
        return drawn


def _checked(images: Images) -> Images:
    grey = images[(images != 0) & (images != 255)]
    if len(grey):
        raise BadValueError(
            f"data.pixels.mode is `given`, for images that are black and white (0 and 255), but "
            f"{len(grey):,} of {images.size:,} pixels are grey, such as {grey[0]}; use `dynamic` "
            "or `static`"
        )
    return images


PixelsConfig = Annotated[Pixels, ONE_OF]
