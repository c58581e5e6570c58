"""Batch norm over the whole batch, of which several processes may each have a part."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from vaelab.distributed import all_gather, batch_slice


class WholeBatchNorm(nn.BatchNorm2d):
    """nn.BatchNorm2d whose moments in training are those of all processes' images.

    With w_r, m_r, v_r the part of the batch, mean and variance of process r:

        mean = sum w_r m_r        variance = sum w_r (v_r + (m_r - mean)^2)

    torch.nn.SyncBatchNorm is the same for GPUs alone.

    "Batch normalization" (Ioffe and Szegedy, 2015, algorithm 1, arXiv 1502.03167).
    """

    def forward(self, x: Tensor) -> Tensor:
        """With the moments of all in training; else with the running ones."""
        part = batch_slice()
        if part is None or not self.training:
            return super().forward(x)
        values = x.to(self.weight.dtype)
        moments = torch.var_mean(values, (0, 2, 3), correction=0)
        mine = torch.cat([moments[0].new_full((1,), part.fraction), *moments])
        shares, variances, means = torch.split(
            all_gather(mine), [1, self.num_features, self.num_features], 1
        )
        mean = (shares * means).sum(0)
        variance = (shares * (variances + (means - mean).square())).sum(0)
        count = part.size * x[0, 0].numel()
        momentum = self.momentum or 0.0
        self.get_buffer("num_batches_tracked").add_(1)
        self.get_buffer("running_mean").lerp_(mean.detach(), momentum)
        unbiased = variance.detach() * (count / (count - 1))
        self.get_buffer("running_var").lerp_(unbiased, momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        # the mean first: far from 0, what a product with it rounds off would be lost
        y: Tensor = (values - mean[:, None, None]) * scale[:, None, None] + self.bias[:, None, None]
        return y.to(x.dtype)


@contextmanager
def running_moments(module: nn.Module) -> Iterator[None]:
    """In this block every batch norm inside uses its running moments, which stay as they are."""
    norms = [n for n in module.modules() if isinstance(n, nn.BatchNorm2d) and n.training]
    for norm in norms:
        norm.eval()
    try:
        yield
    finally:
        for norm in norms:
            norm.train()
