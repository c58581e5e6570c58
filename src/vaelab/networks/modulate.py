"""Feature-wise linear modulation as an operation."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vaelab.networks.operations import Operation, Tensors


@dataclass(frozen=True)
class Modulate(Operation):
    """y = (1 + g) x + b on `(n, positions, c)` or `(n, c)`, g and b those of the image's class."""

    module: Any

    @property
    def parameters(self) -> Tensors:
        """The weight."""
        return (self.module.weight,)

    def forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensors]:
        """By the class; x and the class are needed again."""
        classes = torch.as_tensor(context, dtype=x.dtype)
        scale, shift = self.module.scale_and_shift(x, classes)
        rows = x.reshape(len(x), -1, x.shape[-1])
        y = torch.addcmul(shift.unsqueeze(1), rows, scale.unsqueeze(1))
        return y.view_as(x), (rows, classes, scale)

    def backward(
        self, gradient: Tensor, saved: Tensors, wanted: bool
    ) -> tuple[Tensor | None, Tensors]:
        """From dy: dx = (1 + g) dy, dg = sum x dy, db = sum dy, summed over positions."""
        rows, classes, scale = saved
        given = gradient.reshape(rows.shape)
        of_class = torch.cat([(rows * given).sum(1), given.sum(1)], dim=1)
        of_x = (given * scale.unsqueeze(1)).view_as(gradient) if wanted else None
        return of_x, (of_class.t() @ classes,)
