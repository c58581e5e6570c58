"""Specs of convolutions and of their transposes."""

from abc import abstractmethod
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from torch import nn

from vaelab.networks.exported import Affine, Operation
from vaelab.networks.layers import Layer, Shape

Pair = tuple[int, int]


@dataclass(frozen=True)
class SlidingKernel(Layer):
    """What a convolution and its transpose share."""

    called: ClassVar[str]
    operation: ClassVar[str]
    made_by: ClassVar[type[nn.Conv2d] | type[nn.ConvTranspose2d]]

    shape: tuple[int, int, int]
    channels: int
    kernel: Pair
    stride: int
    padding: int
    bias: bool

    @property
    def input_shape(self) -> Shape:
        return self.shape

    @property
    def output_shape(self) -> Shape:
        sides = zip(self.shape[1:], self.kernel, strict=True)
        return (self.channels, *(self.output_side(side, kernel) for side, kernel in sides))

    @property
    def words(self) -> tuple[str, ...]:
        padding = (f"padding {self.padding}",) if self.padding else ()
        named = f"{self.called} {'×'.join(map(str, self.kernel))}"
        return (named, f"stride {self.stride}", *padding)

    @abstractmethod
    def output_side(self, side: int, kernel: int) -> int:
        """One side of the output from that side of the input."""

    def module(self) -> nn.Module:
        return self.made_by(
            self.shape[0], self.channels, self.kernel, self.stride, self.padding, bias=self.bias
        )

    def operations(self, module: nn.Module) -> list[Operation]:
        settings = {"kernel": list(self.kernel), "stride": self.stride, "padding": self.padding}
        return [Operation(self.operation, self.output_shape, settings, Affine.of(module))]


@dataclass(frozen=True)
class Convolution(SlidingKernel):
    """A 2-D convolution."""

    called: ClassVar[str] = "conv"
    operation: ClassVar[str] = "conv2d"
    made_by = nn.Conv2d

    @property
    def multiply_adds(self) -> int:
        return prod(self.output_shape) * self.shape[0] * prod(self.kernel)

    def output_side(self, side: int, kernel: int) -> int:
        """floor((side + 2 padding - kernel) / stride) + 1."""
        return (side + 2 * self.padding - kernel) // self.stride + 1


@dataclass(frozen=True)
class TransposedConvolution(SlidingKernel):
    """The transpose of a 2-D convolution."""

    called: ClassVar[str] = "transposed conv"
    operation: ClassVar[str] = "conv_transpose2d"
    made_by = nn.ConvTranspose2d

    @property
    def multiply_adds(self) -> int:
        return prod(self.shape) * self.channels * prod(self.kernel)

    def output_side(self, side: int, kernel: int) -> int:
        """(side - 1) stride - 2 padding + kernel."""
        return (side - 1) * self.stride - 2 * self.padding + kernel
