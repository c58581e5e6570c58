"""Convolutions as operations: by gathering patches, or by PyTorch."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vaelab.networks.layers import Shape
from vaelab.networks.operations import (
    Tensors,
    Weighted,
    from_positions,
    to_positions,
)
from vaelab.networks.rearrange import Windows

NARROW = 8
"""A product of fewer columns than this is faster image by image, the other way round."""


@dataclass(frozen=True)
class Convolve(Weighted):
    """A convolution: the pixels of each window in a row, times the kernels in columns."""

    windows: Windows

    def forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensors]:
        """Gather, multiply."""
        kernels = _as_matrix(self.module)  # (out, pixels * in)
        patches = self.windows.gather(x).view(-1, kernels.shape[1])
        if self.module.bias is None:
            y = patches @ kernels.t()
        else:
            y = torch.addmm(self.module.bias, patches, kernels.t())
        return y.view(len(x), -1, len(kernels)), (patches,)

    def backward(
        self, gradient: Tensor, saved: Tensors, wanted: bool
    ) -> tuple[Tensor | None, Tensors]:
        """Multiply, scatter."""
        kernels, (patches,) = _as_matrix(self.module), saved
        rows = gradient.reshape(-1, len(kernels))
        of_x = None
        if wanted:
            of_patches = (rows @ kernels).view(len(gradient), -1, self.module.weight.shape[1])
            of_x = self.windows.scatter(of_patches)
        return of_x, _gradients(self.module, _product(rows, patches), rows)


@dataclass(frozen=True)
class ConvolveTransposed(Weighted):
    """The transpose of a convolution: each position to the pixels of its window, summed."""

    windows: Windows

    def forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensors]:
        """Multiply, scatter."""
        kernels = _as_matrix(self.module)  # (in, pixels * out)
        rows = x.reshape(-1, len(kernels))
        channels = self.module.weight.shape[1]
        if channels == 1 and kernels.shape[1] < NARROW and self.windows.tile:
            columns = torch.bmm(kernels.t().expand(len(x), -1, -1), x.transpose(1, 2))
            image = self.windows.scatter_columns(columns)
        else:
            image = self.windows.scatter((rows @ kernels).view(len(x), -1, channels))
        return image if self.module.bias is None else image.add_(self.module.bias), (rows,)

    def backward(
        self, gradient: Tensor, saved: Tensors, wanted: bool
    ) -> tuple[Tensor | None, Tensors]:
        """Gather, multiply."""
        kernels, (rows,) = _as_matrix(self.module), saved
        patches = self.windows.gather(gradient).view(-1, kernels.shape[1])
        of_x = (patches @ kernels.t()).view(len(gradient), -1, len(kernels)) if wanted else None
        return of_x, _gradients(self.module, _product(rows, patches), gradient.flatten(0, 1))


@dataclass(frozen=True)
class ConvolveByModule(Weighted):
    """A convolution, or its transpose, as PyTorch has it, in channels-last memory."""

    shape: Shape

    def forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensors]:
        """The module's value, which keeps its graph in training."""
        with torch.set_grad_enabled(self.module.training):
            image = from_positions(x.detach(), self.shape).requires_grad_(self.module.training)
            y = self.module(image)
        return to_positions(y.detach()), (image, y)

    def backward(
        self, gradient: Tensor, saved: Tensors, wanted: bool
    ) -> tuple[Tensor | None, Tensors]:
        """Through that graph."""
        image, y = saved
        given = from_positions(gradient, y.shape[1:])
        inputs = (*self.parameters, image) if wanted else self.parameters
        gradients = torch.autograd.grad(y, inputs, given)
        of_x = to_positions(gradients[-1]) if wanted else None
        return of_x, gradients[: len(self.parameters)]


def _as_matrix(module: Any) -> Tensor:
    """Kernels `(a, b, height, width)` as `(a, height * width * b)`, a view if channels last."""
    return module.weight.permute(0, 2, 3, 1).flatten(1)  # type: ignore[no-any-return]


def _gradients(module: Any, of_kernels: Tensor, of_output: Tensor) -> Tensors:
    """Gradients of the parameters, from that of the matrix and that of the rows of the output."""
    first, second, height, width = module.weight.shape
    of_weight = of_kernels.view(first, height, width, second).permute(0, 3, 1, 2)
    return (of_weight,) if module.bias is None else (of_weight, of_output.sum(0))


def _product(a: Tensor, b: Tensor) -> Tensor:
    """a^T b, the way that is fast where one of them has few columns."""
    return a.t() @ b if a.shape[1] < b.shape[1] else (b.t() @ a).t()
