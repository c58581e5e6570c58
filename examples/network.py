"""An encoder and a decoder of your own.

vaelab train digits model.encoder=pyramid model.decoder=null --plugin examples/network.py
"""

from math import prod
from typing import Literal

from pydantic import Field

from vaelab.networks import BaseDecoder, BaseEncoder
from vaelab.networks.base import DecoderCondition, EncoderCondition, ImageShape
from vaelab.networks.layers import Activate, Layer, Linear, Reshape
from vaelab.networks.network import dense


class PyramidEncoder(BaseEncoder):
    """Fully connected layers, each half as wide as the one before."""

    kind: Literal["pyramid"] = "pyramid"
    width: int = Field(default=128, ge=1)
    """Units of the first hidden layer."""
    depth: int = Field(default=3, ge=1, le=8)
    """Hidden layers."""

    def trunk(self, shape: ImageShape, condition: EncoderCondition, classes: int) -> list[Layer]:
        """Layers from an image to features; this one cannot read the class."""
        widths = halved(self.width, self.depth)
        return [Reshape(shape, (prod(shape),)), *dense(prod(shape), widths, "silu")]

    def mirrored(self) -> BaseDecoder:
        """The decoder that a config with this encoder has by default."""
        return PyramidDecoder(width=self.width, depth=self.depth)


class PyramidDecoder(BaseDecoder):
    """Fully connected layers, each twice as wide as the one before."""

    kind: Literal["pyramid"] = "pyramid"
    width: int = Field(default=128, ge=1)
    """Units of the last hidden layer."""
    depth: int = Field(default=3, ge=1, le=8)
    """Hidden layers."""

    def trunk(
        self, latent: int, shape: ImageShape, condition: DecoderCondition, classes: int
    ) -> list[Layer]:
        """Layers from a code to the likelihood's parameters, an array of `shape`."""
        widths = halved(self.width, self.depth)[::-1]
        layers = [*dense(latent, widths, "silu"), Linear(widths[-1], prod(shape))]
        return [*layers, Reshape((prod(shape),), shape), Activate(shape, self.output_activation)]


def halved(width: int, depth: int) -> list[int]:
    """Widths, each half of the one before and at least 1."""
    return [max(1, width // 2**level) for level in range(depth)]
