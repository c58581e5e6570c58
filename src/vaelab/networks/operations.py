"""What a lowered network is made of: operations with gradients of their own.

Between convolutions an image is a matrix `(n, positions, channels)`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vaelab.networks.activations import FROM_INPUT, FROM_VALUE, IN_PLACE
from vaelab.networks.layers import Activation, Shape

Tensors = tuple[Tensor, ...]


class Operation(ABC):
    """A function of x, and the gradients of x and of its parameters."""

    @property
    def parameters(self) -> Tensors:
        """Tensors that `backward` gives gradients of, in its order."""
        return ()

    @abstractmethod
    def forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensors]:
        """The value, which may overwrite x, and what `backward` needs."""

    @abstractmethod
    def backward(
        self, gradient: Tensor, saved: Tensors, wanted: bool
    ) -> tuple[Tensor | None, Tensors]:
        """The gradient of x, which may be left out unless `wanted`, and of the parameters."""


@dataclass(frozen=True)
class Weighted(Operation):
    """An operation with the weight of a module, and its bias if it has one."""

    module: Any

    @property
    def parameters(self) -> Tensors:
        """Weight, bias."""
        module = self.module
        return (module.weight,) if module.bias is None else (module.weight, module.bias)


@dataclass(frozen=True)
class Dense(Weighted):
    """y = x W^T + b over rows."""

    def forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensors]:
        """One product; x is needed again."""
        return torch.addmm(self.module.bias, x, self.module.weight.t()), (x,)

    def backward(
        self, gradient: Tensor, saved: Tensors, wanted: bool
    ) -> tuple[Tensor | None, Tensors]:
        """From dy: dx = dy W, dW = dy^T x, db = sum dy."""
        of_x = gradient @ self.module.weight if wanted else None
        return of_x, (gradient.t() @ saved[0], gradient.sum(0))


@dataclass(frozen=True)
class ActivateInPlace(Operation):
    """An activation written over what the operation before it made."""

    activation: Activation

    def forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensors]:
        """f(x) in place of x."""
        y = IN_PLACE[self.activation](x)
        return y, (y,)

    def backward(
        self, gradient: Tensor, saved: Tensors, wanted: bool
    ) -> tuple[Tensor | None, Tensors]:
        """f'(x) times the gradient."""
        return FROM_VALUE[self.activation](gradient, saved[0]), ()


@dataclass(frozen=True)
class Activate(Operation):
    """An activation whose gradient needs its input."""

    activation: Activation

    def forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensors]:
        """f(x)."""
        return FROM_INPUT[self.activation][0](x), (x,)

    def backward(
        self, gradient: Tensor, saved: Tensors, wanted: bool
    ) -> tuple[Tensor | None, Tensors]:
        """f'(x) times the gradient."""
        return FROM_INPUT[self.activation][1](gradient, saved[0]), ()


@dataclass(frozen=True)
class ToPositions(Operation):
    """From `(n, c, h, w)` to `(n, positions, c)`."""

    shape: Shape

    def forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensors]:
        """A copy, unless there is one channel."""
        return to_positions(x), ()

    def backward(
        self, gradient: Tensor, saved: Tensors, wanted: bool
    ) -> tuple[Tensor | None, Tensors]:
        """The other way."""
        return from_positions(gradient, self.shape), ()


@dataclass(frozen=True)
class FromPositions(Operation):
    """From `(n, positions, c)` to `(n, c, h, w)`."""

    shape: Shape

    def forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensors]:
        """A view."""
        return from_positions(x, self.shape), ()

    def backward(
        self, gradient: Tensor, saved: Tensors, wanted: bool
    ) -> tuple[Tensor | None, Tensors]:
        """The other way."""
        return to_positions(gradient), ()


@dataclass(frozen=True)
class Reshape(Operation):
    """The same values of each image in another shape."""

    before: Shape
    after: Shape

    def forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensors]:
        """A view where memory allows."""
        return x.reshape(-1, *self.after), ()

    def backward(
        self, gradient: Tensor, saved: Tensors, wanted: bool
    ) -> tuple[Tensor | None, Tensors]:
        """The other way."""
        return gradient.reshape(-1, *self.before), ()


@dataclass(frozen=True)
class AppendClass(Operation):
    """A module of (x, context) that puts the class behind the channels or features of x."""

    module: nn.Module
    channels: int

    def forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensors]:
        """By the module."""
        return self.module(x, context), ()

    def backward(
        self, gradient: Tensor, saved: Tensors, wanted: bool
    ) -> tuple[Tensor | None, Tensors]:
        """The part that belongs to x."""
        return gradient[:, : self.channels], ()


def to_positions(x: Tensor) -> Tensor:
    """From `(n, c, h, w)` to `(n, positions, c)`."""
    return x.flatten(2).transpose(1, 2).contiguous()


def from_positions(x: Tensor, shape: Shape) -> Tensor:
    """From `(n, positions, c)` to `(n, *shape)`, a view."""
    return x.transpose(1, 2).reshape(-1, *shape)
