"""Batch norm and the activation after it as one operation."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vaelab.networks.activations import FROM_VALUE, IN_PLACE
from vaelab.networks.layers import Activation
from vaelab.networks.operations import Tensors, Weighted


@dataclass(frozen=True)
class Normalise(Weighted):
    """y = f(weight (x - mean) / sqrt(variance + eps) + bias), moments over images and positions.

    "Batch normalization" (Ioffe and Szegedy, 2015, algorithm 1 and section 3, arXiv 1502.03167).
    """

    activation: Activation

    def forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensors]:
        """With the batch's moments in training, which the running ones follow; else with those."""
        norm = self.module
        activate = IN_PLACE[self.activation]
        if not norm.training:
            scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
            return activate(torch.addcmul(norm.bias - norm.running_mean * scale, x, scale)), ()
        rows = x.shape[0] * x.shape[1]
        if rows < 2:
            raise ValueError("batch norm needs more than one value per channel to train")
        mean = _sum(x) / rows
        centred = x - mean
        variance = _sum(centred * centred) / rows
        inverse = torch.rsqrt(variance + norm.eps)
        y = activate(torch.addcmul(norm.bias, centred, inverse * norm.weight))
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(variance * (rows / (rows - 1)), norm.momentum)
        norm.num_batches_tracked.add_(1)
        return y, (y, centred, inverse)

    def backward(
        self, gradient: Tensor, saved: Tensors, wanted: bool
    ) -> tuple[Tensor | None, Tensors]:
        """From dy: dx = scale (dy - mean(dy) - x^ mean(x^ dy)), x^ the normalised x."""
        y, centred, inverse = saved
        rows = y.shape[0] * y.shape[1]
        of_y = FROM_VALUE[self.activation](gradient, y)
        of_bias = _sum(of_y)
        of_weight = _sum(of_y * centred) * inverse
        scale = inverse * self.module.weight
        of_x = torch.addcmul(of_bias * scale / -rows, of_y, scale)
        of_x.addcmul_(centred, inverse * of_weight * scale / -rows)
        return of_x, (of_weight, of_bias)


def _sum(x: Tensor) -> Tensor:
    """Sum over images, then over positions: in one order whatever the number of threads."""
    return x.flatten(1).sum(0).view(x.shape[1:]).sum(0)
