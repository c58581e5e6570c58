"""Pixels that are floats from the start, rather than pictures of 256 levels."""

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float32
from pydantic import model_validator

from vaelab.data.pixels import BOUNDS, Domain, Pixels, Stored, Values
from vaelab.data.store import chunks
from vaelab.errors import BadValueError

WORDS = {
    Domain.UNIT: "[0, 1]", Domain.SIGNED: "[-1, 1]", Domain.BINARY: "{0, 1}",
    Domain.LEVELS: "0, 1, ..., 255", Domain.REAL: "the real numbers",
}  # fmt: skip
SHARE = 0.001
"""Of real numbers that are drawn as black, and as white."""


class FloatPixels(Pixels):
    """Floats as they are given."""

    formula = "x = v"

    kind: Literal["float"] = "float"
    values: Domain = Domain.UNIT
    """Where they lie: unit, signed, binary, levels or real."""
    low: float = 0.0
    """What is drawn as black."""
    high: float = 1.0
    """What is drawn as white."""

    @model_validator(mode="after")
    def _a_range(self) -> "FloatPixels":
        if not self.low < self.high:
            raise ValueError(f"low is {self.low:g} and high {self.high:g}; low is the smaller one")
        return self

    @classmethod
    def of(cls, images: Float[np.ndarray, "n c h w"], domain: Domain) -> "FloatPixels":
        """For images of a domain; of real numbers all but a few thousandths have shades of grey."""
        if domain in BOUNDS:
            low, high = BOUNDS[domain]
        else:
            chosen = np.random.default_rng(0).integers(images.size, size=min(images.size, 10**6))
            some = images.reshape(-1)[chosen]
            low, high = (float(one) for one in np.quantile(some, [SHARE, 1 - SHARE]))
        return cls(values=domain, low=low, high=high if low < high else low + 1)

    @property
    def domain(self) -> Domain:
        return self.values

    @property
    def range(self) -> tuple[float, float]:
        return self.low, self.high

    def __call__(self, images: Stored, uniform: Values | None = None) -> Values:
        """The same; of uint8, such as a file that is no part of the data, its brightness."""
        if images.dtype != torch.uint8:
            return images.to(torch.get_default_dtype())
        x = self.low + images / 255 * (self.high - self.low)
        return x.round() if self.values in {Domain.BINARY, Domain.LEVELS} else x

    def as_stored(self, x: Values) -> Stored:
        return x.float()


def real_pixels(pixels: Pixels | None) -> FloatPixels | None:
    """Those of real numbers, which a page shows by their brightness; None of others."""
    if isinstance(pixels, FloatPixels) and pixels.values is Domain.REAL:
        return pixels
    return None


def check_values(where: str, images: Float32[np.ndarray, "n c h w"], domain: Domain) -> None:
    """Refuse floats that are no pixels of a domain."""
    start = 0
    for part in chunks(images):
        bad = ~np.isfinite(part)
        if domain in BOUNDS:
            low, high = BOUNDS[domain]
            bad |= (part < low) | (part > high)
        if domain in {Domain.BINARY, Domain.LEVELS}:
            bad |= part != np.round(part)
        if bad.any():
            place = np.unravel_index(int(np.argmax(bad)), bad.shape)
            value = float(part[place])
            index = ", ".join(str(int(one)) for one in (place[0] + start, *place[1:]))
            raise BadValueError(
                f"{where}: the value at [{index}] (image, channel, row, column) is {value:g}, but "
                f"pixels of domain `{domain}` are in {WORDS[domain]}; {_advice(value, domain)}"
            )
        start += len(part)


def _advice(value: float, domain: Domain) -> str:
    if not np.isfinite(value):
        return "leave such images out, or put numbers in their place"
    if domain is Domain.UNIT and 1 < value <= 255:
        return "divide by 255, or give uint8"
    return "scale them, or name another domain (real: any numbers)"
