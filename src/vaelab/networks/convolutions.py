"""Specs of convolutions and of their transposes."""

from abc import abstractmethod
from dataclasses import dataclass
from math import prod

from torch import nn

from vaelab.networks.layers import Layer, Shape

Pair = tuple[int, int]


@dataclass(frozen=True)
class SlidingKernel(Layer):
    """What a convolution and its transpose share.

    Attributes:
        shape: of the input, `(channels, height, width)`.
        channels: of the output.
        kernel: its height and width.
        stride: the same on both sides.
        padding: the same on both sides.
        bias: whether one is added.
    """

    shape: tuple[int, int, int]
    channels: int
    kernel: Pair
    stride: int
    padding: int
    bias: bool

    @property
    def input_shape(self) -> Shape:
        """(channels, height, width)."""
        return self.shape

    @property
    def output_shape(self) -> Shape:
        """(channels, height, width)."""
        sides = zip(self.shape[1:], self.kernel, strict=True)
        return (self.channels, *(self.output_side(side, kernel) for side, kernel in sides))

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.channels * (self.shape[0] * prod(self.kernel) + self.bias)

    @abstractmethod
    def output_side(self, side: int, kernel: int) -> int:
        """One side of the output from that side of the input."""


@dataclass(frozen=True)
class Convolution(SlidingKernel):
    """A 2-D convolution."""

    @property
    def multiply_adds(self) -> int:
        """One per weight and output position."""
        return prod(self.output_shape) * self.shape[0] * prod(self.kernel)

    def output_side(self, side: int, kernel: int) -> int:
        """floor((side + 2 padding - kernel) / stride) + 1."""
        return (side + 2 * self.padding - kernel) // self.stride + 1

    def module(self) -> nn.Module:
        """nn.Conv2d."""
        return nn.Conv2d(
            self.shape[0], self.channels, self.kernel, self.stride, self.padding, bias=self.bias
        )


@dataclass(frozen=True)
class TransposedConvolution(SlidingKernel):
    """The transpose of a 2-D convolution."""

    @property
    def multiply_adds(self) -> int:
        """One per weight and input position."""
        return prod(self.shape) * self.channels * prod(self.kernel)

    def output_side(self, side: int, kernel: int) -> int:
        """(side - 1) stride - 2 padding + kernel."""
        return (side - 1) * self.stride - 2 * self.padding + kernel

    def module(self) -> nn.Module:
        """nn.ConvTranspose2d."""
        return nn.ConvTranspose2d(
            self.shape[0], self.channels, self.kernel, self.stride, self.padding, bias=self.bias
        )
