"""A residual block: what its layers add to what they are given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from vaelab.networks.layers import Layer, Shape, apply_plain, check_follow


@dataclass(frozen=True)
class Residual(Layer):
    """y = x + f(x), f being layers one after the other, the last of them with a weight.

    "Identity mappings in deep residual networks" (He et al., 2016, eq. 3, arXiv 1603.05027).

    Attributes:
        inner: the layers of f, whose output has the shape of its input.
        gain: what the last weight is multiplied with before training; 1 / sqrt(n) for n blocks
            keeps the variance of their sum, "Very deep VAEs generalize autoregressive models and
            can outperform them on images" (Child, 2021, arXiv 2011.10650).

    Raises:
        ValueError: the shapes do not follow on each other.
    """

    inner: tuple[Layer, ...]
    gain: float

    def __post_init__(self) -> None:
        check_follow([*self.inner, self.inner[0]])

    @property
    def input_shape(self) -> Shape:
        """That of f's first layer."""
        return self.inner[0].input_shape

    @property
    def output_shape(self) -> Shape:
        """The same shape."""
        return self.input_shape

    @property
    def parameters(self) -> int:
        """Those of f."""
        return sum(layer.parameters for layer in self.inner)

    @property
    def multiply_adds(self) -> int:
        """Those of f."""
        return sum(layer.multiply_adds for layer in self.inner)

    @property
    def reads_class(self) -> bool:
        """Whether one of f's layers does."""
        return any(layer.reads_class for layer in self.inner)

    def module(self) -> nn.Module:
        """A module of x, or of (x, context) where it reads the class."""
        return _Residual(self.inner, self.gain)


class _Residual(nn.Module):
    def __init__(self, layers: Sequence[Layer], gain: float) -> None:
        super().__init__()
        self.layers = tuple(layers)
        self.stack = nn.ModuleList(layer.module() for layer in layers)
        with torch.no_grad():
            cast(Tensor, self.stack[-1].weight).mul_(gain)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        return x + apply_plain(self.layers, self.stack, x, context)
