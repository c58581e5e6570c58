"""A network as data: frozen layer specs with their shapes worked out.

The modules, `vaelab describe` and everything else that has to know a network derive from these.
Shapes are those of one image, without the batch.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn

Shape = tuple[int, ...]
Activation = Literal["relu", "leaky_relu", "tanh", "gelu", "silu", "sigmoid", "identity"]

_ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "sigmoid": nn.Sigmoid,
    "identity": nn.Identity,
}


class Layer(ABC):
    """One layer: what goes in, what comes out, what it costs, and its module."""

    @property
    @abstractmethod
    def input_shape(self) -> Shape:
        """Shape of one input."""

    @property
    @abstractmethod
    def output_shape(self) -> Shape:
        """Shape of one output."""

    @property
    def parameters(self) -> int:
        """Number of trained numbers."""
        return 0

    @property
    def multiply_adds(self) -> int:
        """Multiplications with their additions for one image."""
        return 0

    @property
    def reads_class(self) -> bool:
        """Whether its module takes (x, context), the context being the class of the image."""
        return False

    @abstractmethod
    def module(self) -> nn.Module:
        """The layer with freshly initialised parameters."""


@dataclass(frozen=True)
class Linear(Layer):
    """y = W x + b."""

    inputs: int
    outputs: int

    @property
    def input_shape(self) -> Shape:
        """(inputs,)."""
        return (self.inputs,)

    @property
    def output_shape(self) -> Shape:
        """(outputs,)."""
        return (self.outputs,)

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.outputs * (self.inputs + 1)

    @property
    def multiply_adds(self) -> int:
        """One per weight."""
        return self.outputs * self.inputs

    def module(self) -> nn.Module:
        """nn.Linear."""
        return nn.Linear(self.inputs, self.outputs)


@dataclass(frozen=True)
class ShapeKeeping(Layer):
    """A layer whose output has the shape of its input."""

    shape: Shape

    @property
    def input_shape(self) -> Shape:
        """The shape."""
        return self.shape

    @property
    def output_shape(self) -> Shape:
        """The same shape."""
        return self.shape


@dataclass(frozen=True)
class BatchNorm(ShapeKeeping):
    """Each channel of `(c, h, w)` to mean 0 and variance 1 over the batch, scaled and shifted.

    "Batch normalization" (Ioffe and Szegedy, 2015, algorithm 1, arXiv 1502.03167).
    """

    @property
    def parameters(self) -> int:
        """A scale and a shift per channel."""
        return 2 * self.shape[0]

    @property
    def multiply_adds(self) -> int:
        """One per value."""
        return prod(self.shape)

    def module(self) -> nn.Module:
        """nn.BatchNorm2d."""
        return nn.BatchNorm2d(self.shape[0])


@dataclass(frozen=True)
class Activate(ShapeKeeping):
    """A function applied to each value."""

    function: Activation

    def module(self) -> nn.Module:
        """The activation's module."""
        return _ACTIVATIONS[self.function]()


@dataclass(frozen=True)
class Reshape(Layer):
    """The same values in another shape."""

    before: Shape
    after: Shape

    @property
    def input_shape(self) -> Shape:
        """The shape before."""
        return self.before

    @property
    def output_shape(self) -> Shape:
        """The shape after."""
        return self.after

    def module(self) -> nn.Module:
        """nn.Unflatten after nn.Flatten."""
        return nn.Sequential(nn.Flatten(), nn.Unflatten(1, self.after))


class AppendsClass(Layer):
    """A layer that puts the class behind the channels or features that it is given."""

    @property
    def reads_class(self) -> bool:
        """Yes."""
        return True


@dataclass(frozen=True)
class ClassPlanes(AppendsClass):
    """One plane per class stacked onto the image: ones for its class, zeros for the others."""

    shape: tuple[int, int, int]
    classes: int

    @property
    def input_shape(self) -> Shape:
        """(channels, height, width)."""
        return self.shape

    @property
    def output_shape(self) -> Shape:
        """(channels + classes, height, width)."""
        return (self.shape[0] + self.classes, *self.shape[1:])

    def module(self) -> nn.Module:
        """A module of (x, context)."""
        return _StackPlanes()


@dataclass(frozen=True)
class AppendOneHot(AppendsClass):
    """The one-hot vector of the class appended to the features."""

    features: int
    classes: int

    @property
    def input_shape(self) -> Shape:
        """(features,)."""
        return (self.features,)

    @property
    def output_shape(self) -> Shape:
        """(features + classes,)."""
        return (self.features + self.classes,)

    def module(self) -> nn.Module:
        """A module of (x, context)."""
        return _Append()


class _StackPlanes(nn.Module):
    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        planes = context[:, :, None, None].expand(-1, -1, *x.shape[2:])
        return torch.cat([x, planes.to(x.dtype)], dim=1)


class _Append(nn.Module):
    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        return torch.cat([x, context.to(x.dtype)], dim=1)


def check_follow(layers: Sequence[Layer]) -> None:
    """Refuse layers whose shapes do not follow on each other.

    Raises:
        ValueError: a layer does not take what the one before it gives.
    """
    for before, after in pairwise(layers):
        if before.output_shape != after.input_shape:
            raise ValueError(f"{before} gives {before.output_shape}, {after} takes another")


def apply_plain(
    layers: Sequence[Layer], stack: Iterable[nn.Module], x: Tensor, context: Tensor | None
) -> Tensor:
    """Layers one after the other, each by its module."""
    for layer, module in zip(layers, stack, strict=True):
        x = module(x, context) if layer.reads_class else module(x)
    return x
