"""A network as data: frozen layer specs with their shapes worked out.

The modules, `vaelab describe` and everything else that has to know a network derive from these.
Shapes are those of one image, without the batch.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import ClassVar, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn

from vaelab.networks.batch_norm import WholeBatchNorm
from vaelab.networks.exported import (
    Affine,
    Array,
    Operation,
    UnsupportedLayerError,
    simplified,
    to_array,
)

Shape = tuple[int, ...]
Activation = Literal["relu", "leaky_relu", "tanh", "gelu", "silu", "sigmoid", "identity"]

ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "sigmoid": nn.Sigmoid,
    "identity": nn.Identity,
}


LEAKY_SLOPE = 0.01  # nn.LeakyReLU's
_CALLED = {"relu": "ReLU", "leaky_relu": "leaky ReLU", "gelu": "GELU", "silu": "SiLU"}


class Layer(ABC):
    """One layer: what goes in, what comes out, what it costs, its module and its operations."""

    called: ClassVar[str] = ""
    """What it is, in a word or two."""
    follows: ClassVar[bool] = False
    """Whether it is counted with the layer before it, as a norm or an activation is."""

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
        with torch.device("meta"):
            module = self.module()
        return sum(parameter.numel() for parameter in module.parameters())

    @property
    def multiply_adds(self) -> int:
        """Multiplications with their additions for one image."""
        return 0

    @property
    def reads_class(self) -> bool:
        """Whether its module takes (x, context), the context being the class of the image."""
        return False

    @property
    def appended(self) -> int:
        """How many channels or features of its output say the class and nothing else."""
        return 0

    @property
    def words(self) -> tuple[str, ...]:
        """What it is, in a few words each."""
        return (self.called or type(self).__name__,)

    @abstractmethod
    def module(self) -> nn.Module:
        """The layer with freshly initialised parameters."""

    def operations(self, module: nn.Module) -> list[Operation]:
        """What a graph computes in place of its module.

        Raises:
            UnsupportedLayerError: no operation stands for it.
        """
        raise UnsupportedLayerError(type(self).__name__)


def operations_of(layers: Sequence[Layer], stack: Iterable[nn.Module]) -> list[Operation]:
    """Those of layers one after the other, as few as may be."""
    pairs = zip(layers, stack, strict=True)
    return simplified(one for layer, module in pairs for one in layer.operations(module))


@dataclass(frozen=True)
class Linear(Layer):
    """y = W x + b."""

    called: ClassVar[str] = "linear"

    inputs: int
    outputs: int

    @property
    def input_shape(self) -> Shape:
        return (self.inputs,)

    @property
    def output_shape(self) -> Shape:
        return (self.outputs,)

    @property
    def multiply_adds(self) -> int:
        return self.outputs * self.inputs

    def module(self) -> nn.Module:
        return nn.Linear(self.inputs, self.outputs)

    def operations(self, module: nn.Module) -> list[Operation]:
        return [Operation("linear", self.output_shape, affine=Affine.of(module))]


@dataclass(frozen=True)
class ShapeKeeping(Layer):
    """A layer whose output has the shape of its input."""

    shape: Shape

    @property
    def input_shape(self) -> Shape:
        return self.shape

    @property
    def output_shape(self) -> Shape:
        return self.shape


@dataclass(frozen=True)
class BatchNorm(ShapeKeeping):
    """Each channel of `(c, h, w)` to mean 0 and variance 1 over the batch, scaled and shifted.

    "Batch normalization" (Ioffe and Szegedy, 2015, algorithm 1, arXiv 1502.03167).
    """

    called: ClassVar[str] = "batch norm"
    follows: ClassVar[bool] = True

    @property
    def multiply_adds(self) -> int:
        return prod(self.shape)

    def module(self) -> nn.Module:
        return WholeBatchNorm(self.shape[0])

    def operations(self, module: nn.Module) -> list[Operation]:
        """Gamma / s times each channel, plus beta - gamma / s m."""
        norm = cast(nn.BatchNorm2d, module)
        variance, mean = cast(Tensor, norm.running_var), cast(Tensor, norm.running_mean)

        def factor() -> Array:
            return cast(Array, to_array(norm.weight) / np.sqrt(to_array(variance) + norm.eps))

        def shift() -> Array:
            return cast(Array, to_array(norm.bias) - factor() * to_array(mean))

        return [Operation("scale_shift", self.shape, affine=Affine(factor, shift))]


@dataclass(frozen=True)
class Activate(ShapeKeeping):
    """A function applied to each value."""

    follows: ClassVar[bool] = True

    function: Activation

    @property
    def words(self) -> tuple[str, ...]:
        named = _CALLED.get(self.function, self.function)
        return () if self.function == "identity" else (named,)

    def module(self) -> nn.Module:
        return ACTIVATIONS[self.function]()

    def operations(self, module: nn.Module) -> list[Operation]:
        slope = {"slope": LEAKY_SLOPE} if self.function == "leaky_relu" else {}
        one = Operation(self.function, self.shape, slope)
        return [] if self.function == "identity" else [one]


@dataclass(frozen=True)
class Reshape(Layer):
    """The same values in another shape."""

    before: Shape
    after: Shape

    @property
    def input_shape(self) -> Shape:
        return self.before

    @property
    def output_shape(self) -> Shape:
        return self.after

    @property
    def words(self) -> tuple[str, ...]:
        return ("flatten",) if len(self.after) == 1 else ("reshape",)

    def module(self) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Unflatten(1, self.after))

    def operations(self, module: nn.Module) -> list[Operation]:
        return [Operation("reshape", self.after)]


def check_follow(layers: Sequence[Layer]) -> None:
    """Refuse layers of which one does not take what the one before it gives."""
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
