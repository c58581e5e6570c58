"""What a pixel means to the model: from uint8 to its domain, and back to a picture."""

from abc import ABC, abstractmethod
from dataclasses import replace
from enum import StrEnum
from math import prod
from typing import Annotated, Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from pydantic import BeforeValidator, Field
from torch import Tensor

from vaelab.config import Config
from vaelab.data.mapped import Change, MappedImages
from vaelab.data.store import Images, Split


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


class Pixels(Config, ABC):
    """A map from uint8 to a domain."""

    @property
    @abstractmethod
    def domain(self) -> Domain:
        """Where its values lie."""

    @property
    def dynamic(self) -> bool:
        """Whether every use of an image draws its pixels afresh."""
        return False

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


class UnitPixels(Pixels):
    """Grey levels in [0, 1].

        x = v / 255

    Use it with `gaussian`, `laplace` or `continuous_bernoulli`.
    """

    kind: Literal["unit"] = "unit"

    @property
    def domain(self) -> Domain:
        """[0, 1]."""
        return Domain.UNIT

    def __call__(
        self, images: UInt8[Tensor, "b c h w"], uniform: Float[Tensor, "b c h w"] | None = None
    ) -> Float[Tensor, "b c h w"]:
        """From v to x = v / 255."""
        return images / 255

    def to_unit(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The same."""
        return x.clamp(0, 1)


class SignedPixels(Pixels):
    """Grey levels in [-1, 1].

        x = 2 v / 255 - 1

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
        """From v to x = 2 v / 255 - 1."""
        return images / 127.5 - 1

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

    "On the quantitative analysis of deep belief networks" (Salakhutdinov and Murray, 2008) draws
    once (`static`); "Importance weighted autoencoders" (Burda et al., 2016, section 5, arXiv
    1509.00519) draws afresh at every use (`dynamic`). Numbers of the two are not comparable. Use it
    with `bernoulli`, above all for the nats on MNIST that most papers report.
    """

    kind: Literal["binary"] = "binary"
    mode: Literal["dynamic", "static", "threshold"] = "dynamic"
    """Drawn afresh each epoch, drawn once by data.seed, or cut at the middle grey."""

    @property
    def domain(self) -> Domain:
        """{0, 1}."""
        return Domain.BINARY

    @property
    def dynamic(self) -> bool:
        """Whether every use of an image draws its pixels afresh."""
        return self.mode == "dynamic"

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
        """The split with its pixels drawn (or cut) once and for all: 0 or 255.

        Images that stay in a file, ascending there, are drawn whenever they are read, to the same.
        """
        if isinstance(split.images, MappedImages):
            return replace(split, images=split.images.changed(self._change(split.images, seed)))
        if self.mode == "threshold":
            return replace(split, images=_cut(split.images))
        draws = np.random.default_rng(seed)
        images = np.empty_like(split.images)
        for start in range(0, len(split), 4096):  # never the draws of a whole large set at once
            part = split.images[start : start + 4096]
            images[start : start + 4096] = np.where(draws.random(part.shape) * 255 < part, 255, 0)
        return replace(split, images=images)

    def _change(self, images: MappedImages, seed: int) -> Change:
        known, size = images.rows, prod(images.shape[1:])

        def draw(part: Images, rows: Int64[np.ndarray, " m"]) -> Images:
            if self.mode == "threshold":
                return _cut(part)
            bits, at = np.random.PCG64(seed), 0
            uniform, draws = np.empty(part.shape), np.random.Generator(bits)
            for place, row in enumerate(np.searchsorted(known, rows).tolist()):
                bits.advance(row * size - at)  # to the draws that `freeze` makes for this image
                draws.random(out=uniform[place])
                at = (row + 1) * size
            return np.where(uniform * 255 < part, 255, 0).astype(np.uint8)

        return draw


def _cut(images: Images) -> Images:
    return np.where(images > 127, 255, 0).astype(np.uint8)


def _named(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


PixelsConfig = Annotated[
    Annotated[UnitPixels | SignedPixels | LevelsPixels | BinaryPixels, Field(discriminator="kind")],
    BeforeValidator(_named),
]
