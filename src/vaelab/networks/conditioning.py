"""Layers that tell a network the class: behind what they are given, or as FiLM."""

from dataclasses import dataclass
from math import prod
from typing import ClassVar, TypeVar, cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from vaelab.networks.exported import Affine, Operation, to_array
from vaelab.networks.layers import Layer, Shape, ShapeKeeping

Given = TypeVar("Given", tuple[int], tuple[int, int, int])


@dataclass(frozen=True)
class AppendClass(Layer):
    """The class behind the channels or the features that are given.

    Of an image `(c, h, w)` a plane for each class: ones for its own, zeros for the others; of
    features `(n,)` the one-hot vector.
    """

    shape: Shape
    classes: int

    @property
    def input_shape(self) -> Shape:
        return self.shape

    @property
    def output_shape(self) -> Shape:
        return (self.shape[0] + self.classes, *self.shape[1:])

    @property
    def appended(self) -> int:
        return self.classes

    @property
    def reads_class(self) -> bool:
        return True

    @property
    def words(self) -> tuple[str, ...]:
        return (f"+ {self.classes} class planes" if self.shape[1:] else "+ one-hot class",)

    def module(self) -> nn.Module:
        return _Append()

    def operations(self, module: nn.Module) -> list[Operation]:
        name = "class_planes" if self.shape[1:] else "append_one_hot"
        return [Operation(name, self.output_shape, of_class=((),))]


def with_class(shape: Given, classes: int) -> tuple[list[Layer], Given]:
    """The first layers of a network that is given so many classes beside its input; their output.

    No layer, and the input, where there are none.
    """
    if not classes:
        return [], shape
    layer = AppendClass(shape, classes)
    return [layer], cast(Given, layer.output_shape)


class _Append(nn.Module):
    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        each = context[(..., *(None,) * (x.dim() - 2))].expand(-1, -1, *x.shape[2:])
        return torch.cat([x, each.to(x.dtype)], dim=1)


@dataclass(frozen=True)
class FiLM(ShapeKeeping):
    """Each channel or feature scaled and shifted as the class says.

    y = (1 + g) x + b, one g and one b per class and channel, both 0 before training.

    "FiLM: Visual reasoning with a general conditioning layer" (Perez et al., 2018, eq. 2, arXiv
    1709.07871).
    """

    called: ClassVar[str] = "FiLM by class"
    follows: ClassVar[bool] = True

    classes: int

    @property
    def multiply_adds(self) -> int:
        return 2 * self.classes * self.shape[0] + prod(self.shape)

    @property
    def reads_class(self) -> bool:
        return True

    def module(self) -> nn.Module:
        return Modulation(self.shape[0], self.classes)

    def operations(self, module: nn.Module) -> list[Operation]:
        """1 + g and b as linear functions of the one-hot class."""
        weight, channels = cast(Tensor, module.weight), self.shape[0]
        scale = Affine(lambda: to_array(weight)[:channels], lambda: np.ones(channels))
        shift = Affine(lambda: to_array(weight)[channels:], None)
        of_class = tuple(
            (Operation("linear", (channels,), affine=affine),) for affine in (scale, shift)
        )
        return [Operation("modulate", self.shape, of_class=of_class)]


class Modulation(nn.Module):
    """FiLM's parameters."""

    weight: Float[Tensor, "2*channels classes"]
    """g of every class, then b."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2 * channels, classes))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """(1 + g) x + b."""
        scale, shift = self.scale_and_shift(x, context)
        each = (*scale.shape, *(1,) * (x.dim() - 2))
        return x * scale.view(each) + shift.view(each)

    def scale_and_shift(
        self, x: Float[Tensor, "n ..."], context: Float[Tensor, "n classes"]
    ) -> tuple[Float[Tensor, "n c"], Float[Tensor, "n c"]]:
        """1 + g and b of each image, in the precision of x."""
        both = functional.linear(context.to(x.dtype), self.weight)
        scale, shift = both.tensor_split(2, dim=1)
        return 1 + scale, shift
