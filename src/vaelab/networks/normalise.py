"""Batch norm and the activation after it as one operation."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vaelab.networks.activations import FROM_VALUE, IN_PLACE
from vaelab.networks.layers import Activation
from vaelab.networks.operations import Tensors, Weighted
from vaelab.networks.synchronised import normalise, normalise_backward

RUNNING = 2
"""Tensors that `Normalise` keeps of its moments, where `NormaliseTogether` keeps three."""


@dataclass(frozen=True)
class Normalise(Weighted):
    """y = f(weight (x - mean) / sqrt(variance + eps) + bias), moments over images and positions.

    "Batch normalization" (Ioffe and Szegedy, 2015, algorithm 1 and section 3, arXiv 1502.03167).
    """

    activation: Activation

    def forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensors]:
        """With the batch's moments in training, which the running ones follow; else with those."""
        norm = self.module
        if norm.training:
            if x.shape[0] * x.shape[1] < 2:
                raise ValueError("batch norm needs more than one value per channel to train")
            norm.num_batches_tracked.add_(1)
        y, mean, inverse = torch.native_batch_norm(
            _as_image(x), norm.weight, norm.bias, norm.running_mean, norm.running_var,
            norm.training, norm.momentum, norm.eps,
        )  # fmt: skip
        y = IN_PLACE[self.activation](_as_positions(y))
        return y, (x, y, mean, inverse)

    def backward(
        self, gradient: Tensor, saved: Tensors, wanted: bool
    ) -> tuple[Tensor | None, Tensors]:
        """Through the activation, then through the norm."""
        x, y, mean, inverse = saved
        norm = self.module
        of_y = FROM_VALUE[self.activation](gradient, y)
        of_batch = mean.numel() > 0  # else the running moments were used
        of_x, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            _as_image(of_y), _as_image(x), norm.weight, norm.running_mean, norm.running_var,
            mean, inverse, of_batch, norm.eps, [True, True, True],
        )  # fmt: skip
        return _as_positions(of_x), (of_weight, of_bias)


@dataclass(frozen=True)
class NormaliseTogether(Weighted):
    """The same, moments over the images of several processes."""

    activation: Activation

    def forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensors]:
        """With the moments of all in training, which the running ones follow; else with those."""
        norm = self.module
        if not norm.training:
            return Normalise(norm, self.activation).forward(x, context)
        y, *moments = normalise(_as_image(x), norm)
        y = IN_PLACE[self.activation](_as_positions(y))
        return y, (x, y, *moments)

    def backward(
        self, gradient: Tensor, saved: Tensors, wanted: bool
    ) -> tuple[Tensor | None, Tensors]:
        """Through the activation, then through the norm."""
        x, y, *moments = saved
        if len(moments) == RUNNING:
            return Normalise(self.module, self.activation).backward(gradient, saved, wanted)
        of_y = FROM_VALUE[self.activation](gradient, y)
        of_x, of_weight, of_bias = normalise_backward(
            _as_image(of_y), _as_image(x), self.module, *moments
        )
        return _as_positions(of_x), (of_weight, of_bias)


def _as_image(x: Tensor) -> Tensor:
    """From `(n, positions, channels)` to `(n, channels, positions, 1)` in channels-last memory."""
    return x.transpose(1, 2).unsqueeze(-1)


def _as_positions(x: Tensor) -> Tensor:
    """The other way."""
    return x.squeeze(-1).transpose(1, 2)
