"""What a pixel means to the model: from uint8 to its domain, and back to a picture."""

from abc import ABC, abstractmethod
from dataclasses import replace
from enum import StrEnum
from math import prod
from typing import Annotated, Literal

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from vaelab.data.mapped import Change, MappedImages
from vaelab.data.store import Images, Split
from vaelab.errors import BadValueError
from vaelab.registry import ONE_OF, Axis, Kind


class Domain(StrEnum):
    """The set a pixel's value lies in."""

    UNIT = "unit"
    """[0, 1]"""
    SIGNED = "signed"
    """[-1, 1]"""
    BINARY = "binary"
    """{0, 1}"""
    LEVELS = "levels"
    """0, 1, ..., 255"""


class Pixels(Kind, ABC):
    """A map from uint8 to a domain."""

    axis = Axis(
        "pixels", "data.pixels",
        "What a pixel v of 0 to 255 is to the model: x, and so what a likelihood is a density of.",
        cites=False, bare=True,
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
    def words(self) -> str:
        """The domain and how its values are drawn: numbers of two are not comparable."""
        return self.domain.value

    @abstractmethod
    def __call__(
        self, images: UInt8[Tensor, "b c h w"], uniform: Float[Tensor, "b c h w"] | None = None
    ) -> Float[Tensor, "b c h w"]:
        """Pixels as the model sees them.

        Args:
            images: grey levels or colour channels.
            uniform: draws in [0, 1), for pixels that are drawn afresh.
        """

    @abstractmethod
    def to_unit(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Pixels of the model's domain as brightness in [0, 1], clipped, for a picture."""

    def of_picture(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """X as a picture of 256 levels has it."""
        return x


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
        """Whether every use of an image draws its pixels afresh."""
        return self.dequantised

    @property
    def words(self) -> str:
        """The domain, and whether it is filled."""
        return f"dequantised {self.domain}" if self.dequantised else self.domain.value

    def of_picture(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """X as a picture of 256 levels has it."""
        if not self.dequantised:
            return x
        levels = (255 * self.to_unit(x)).round().to(torch.uint8)
        return self.model_copy(update={"dequantised": False})(levels)

    def _spread(
        self, images: UInt8[Tensor, "b c h w"], uniform: Float[Tensor, "b c h w"] | None
    ) -> Float[Tensor, "b c h w"]:
        """(v + u) / 256; without draws the middle of each level."""
        return (images + (0.5 if uniform is None else uniform)) / 256


class UnitPixels(GreyPixels):
    """Grey levels in [0, 1].

        x = v / 255, or dequantised x = (v + u) / 256,  u ~ U(0, 1)

    Dequantised, minus the ELBO plus log 256 nats a pixel bounds minus the log probability of the
    levels. Use it with `gaussian`, `laplace` or `continuous_bernoulli`.

    "A note on the evaluation of generative models" (Theis et al., 2016, section 3.1, arXiv
    1511.01844).
    """

    kind: Literal["unit"] = "unit"

    @property
    def domain(self) -> Domain:
        """[0, 1]."""
        return Domain.UNIT

    def __call__(
        self, images: UInt8[Tensor, "b c h w"], uniform: Float[Tensor, "b c h w"] | None = None
    ) -> Float[Tensor, "b c h w"]:
        """From v to x = v / 255, or (v + u) / 256."""
        return self._spread(images, uniform) if self.dequantised else images / 255

    def to_unit(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The same."""
        return x.clamp(0, 1)


class SignedPixels(GreyPixels):
    """Grey levels in [-1, 1].

        x = 2 v / 255 - 1, or dequantised x = 2 (v + u) / 256 - 1,  u ~ U(0, 1)

    Use it with a decoder that ends in `tanh`. A pixel covers twice the range that it has in `unit`,
    so its density is half as high, and nats of the two are not comparable.
    """

    kind: Literal["signed"] = "signed"

    @property
    def domain(self) -> Domain:
        """[-1, 1]."""
        return Domain.SIGNED

    def __call__(
        self, images: UInt8[Tensor, "b c h w"], uniform: Float[Tensor, "b c h w"] | None = None
    ) -> Float[Tensor, "b c h w"]:
        """From v to x = 2 v / 255 - 1, or 2 (v + u) / 256 - 1."""
        return 2 * self._spread(images, uniform) - 1 if self.dequantised else images / 127.5 - 1

    def to_unit(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """(x + 1) / 2."""
        return ((x + 1) / 2).clamp(0, 1)


class LevelsPixels(Pixels):
    """The grey levels themselves, 0 to 255.

        x = v

    Use it with `discretized_logistic` or `categorical`, which give each level a probability, for
    bits per dimension.
    """

    kind: Literal["levels"] = "levels"

    @property
    def domain(self) -> Domain:
        """0, 1, ..., 255."""
        return Domain.LEVELS

    def __call__(
        self, images: UInt8[Tensor, "b c h w"], uniform: Float[Tensor, "b c h w"] | None = None
    ) -> Float[Tensor, "b c h w"]:
        """From v to x = v."""
        return images.to(torch.get_default_dtype())

    def to_unit(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """From x to x / 255."""
        return (x / 255).clamp(0, 1)


class BinaryPixels(Pixels):
    """Black or white, drawn with the grey level as probability, or cut at the middle grey.

        x ~ Bernoulli(v / 255), or x = 1 where v > 127, else 0

    "Importance weighted autoencoders" (Burda et al., 2016, section 5, arXiv 1509.00519) draws
    afresh at every use (`dynamic`). "On the quantitative analysis of deep belief networks"
    (Salakhutdinov and Murray, 2008) drew once, and many papers use the files that were drawn so:
    those are data `binarized_mnist`, whose pixels are black and white as `given`. `static` draws
    once too, but by data.seed, which gives other images and so numbers of another quantity. No two
    modes compare. Use it with `bernoulli`, above all for nats on MNIST beside those of papers.
    """

    kind: Literal["binary"] = "binary"
    mode: Literal["dynamic", "static", "threshold", "given"] = "dynamic"
    """Drawn afresh each epoch, drawn once by data.seed, cut at the middle grey, or black and white
    already."""

    @property
    def domain(self) -> Domain:
        """{0, 1}."""
        return Domain.BINARY

    @property
    def dynamic(self) -> bool:
        """Whether every use of an image draws its pixels afresh."""
        return self.mode == "dynamic"

    @property
    def words(self) -> str:
        """How they were drawn."""
        return f"{self.mode} binary"

    def __call__(
        self, images: UInt8[Tensor, "b c h w"], uniform: Float[Tensor, "b c h w"] | None = None
    ) -> Float[Tensor, "b c h w"]:
        """From v to 1 with probability v / 255, else 0; without draws, 1 above the middle grey."""
        threshold = 0.5 if uniform is None else uniform
        return (images / 255 > threshold).to(torch.get_default_dtype())

    def to_unit(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The same."""
        return x.clamp(0, 1)

    def freeze(self, split: Split, seed: int) -> Split:
        """The split with its pixels drawn (or cut, or checked) once and for all: 0 or 255.

        Images that stay in a file, ascending there, are drawn whenever they are read, to the same.

        Raises:
            BadValueError: pixels that are given as black and white are grey.
        """
        if isinstance(split.images, MappedImages):
            return replace(split, images=split.images.changed(self._change(split.images, seed)))
        if (change := WITHOUT_DRAWS.get(self.mode)) is not None:
            return replace(split, images=change(split.images))
        draws = np.random.default_rng(seed)
        images = np.empty_like(split.images)
        for start in range(0, len(split), 4096):  # never the draws of a whole large set at once
            part = split.images[start : start + 4096]
            images[start : start + 4096] = np.where(draws.random(part.shape) * 255 < part, 255, 0)
        return replace(split, images=images)

    def _change(self, images: MappedImages, seed: int) -> Change:
        known, size = images.rows, prod(images.shape[1:])

        def draw(part: Images, rows: Int64[np.ndarray, " m"]) -> Images:
            if (change := WITHOUT_DRAWS.get(self.mode)) is not None:
                return change(part)
            bits, at = np.random.PCG64(seed), 0
            uniform, draws = np.empty(part.shape), np.random.Generator(bits)
            for place, row in enumerate(np.searchsorted(known, rows).tolist()):
                bits.advance(row * size - at)  # to the draws that `freeze` makes for this image
                draws.random(out=uniform[place])
                at = (row + 1) * size
            return np.where(uniform * 255 < part, 255, 0).astype(np.uint8)

        return draw


def _checked(images: Images) -> Images:
    grey = images[(images != 0) & (images != 255)]
    if len(grey):
        raise BadValueError(
            f"data.pixels.mode is `given`, for images that are black and white (0 and 255), but "
            f"{len(grey):,} of {images.size:,} pixels are grey, such as {grey[0]}; use `dynamic` "
            "or `static`"
        )
    return images


def _cut(images: Images) -> Images:
    return np.where(images > 127, 255, 0).astype(np.uint8)


WITHOUT_DRAWS = {"threshold": _cut, "given": _checked}


PixelsConfig = Annotated[Pixels, ONE_OF]
