"""The parameters of several models of one shape as a matrix, one model a row."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn


class ParameterMatrix:
    """Parameters and gradients of R models with P parameters each, in one piece of memory.

    Every parameter of every model becomes a view into its row, so that an optimiser sees one long
    vector a model, and all models together can be read as stacked tensors. Kernels of convolutions
    lie channels last, as the products of a CPU and of a GPU want them.

    Args:
        models: of one architecture, on one device.
        tail: places behind the gradients of each model, for what is sent to other processes along
            with them.

    Attributes:
        vectors: `(P,)`, the parameters of each model.
        gradients: `(P,)`, the gradient of each.
        message: `(R, P + tail)`, the gradients and what is sent along.
    """

    def __init__(self, models: Sequence[nn.Module], tail: int = 0) -> None:
        named = [dict(model.named_parameters()) for model in models]
        self._shapes = {name: parameter.shape for name, parameter in named[0].items()}
        self._sizes = [prod(shape) for shape in self._shapes.values()]
        like = next(iter(named[0].values()))
        self._values = torch.empty(
            len(models), sum(self._sizes), device=like.device, dtype=like.dtype
        )
        width = self._values.shape[1]
        self.message = self._values.new_zeros(len(models), width + tail)
        self._gradients = self.message[:, :width]
        self.vectors, self.gradients = list(self._values), list(self._gradients)
        for vector, parameters in zip(self.vectors, named, strict=True):
            for name, view in self.split(vector).items():
                view.copy_(parameters[name].detach())
                parameters[name].data = view

    def split(self, vector: Tensor) -> dict[str, Tensor]:
        """Views `(..., *shape)` by name into a vector or a matrix `(..., P)`."""
        pieces = torch.split(vector, self._sizes, dim=-1)
        return {
            name: _shaped(piece, shape)
            for piece, (name, shape) in zip(pieces, self._shapes.items(), strict=True)
        }

    def stacked(self) -> dict[str, Tensor]:
        """Leaves `(R, *shape)` that share the memory of all models' parameters."""
        views = self.split(self._values)
        return {name: view.detach().requires_grad_() for name, view in views.items()}

    def collect(self, gradients: Sequence[Tensor]) -> None:
        """Put gradients, in the parameters' order, `(*shape)` or `(R, *shape)`, into place."""
        models = len(self.vectors)
        flat = [
            _flat(gradient, shape).reshape(models, -1)
            for gradient, shape in zip(gradients, self._shapes.values(), strict=True)
        ]
        torch.cat(flat, dim=1, out=self._gradients)


def _shaped(piece: Tensor, shape: torch.Size) -> Tensor:
    rows = piece.shape[:-1]
    if len(shape) != 4:
        return piece.view((*rows, *shape))
    out, channels, height, width = shape
    return piece.view((*rows, out, height, width, channels)).movedim(-1, -3)


def _flat(gradient: Tensor, shape: torch.Size) -> Tensor:
    return gradient.movedim(-3, -1) if len(shape) == 4 else gradient
