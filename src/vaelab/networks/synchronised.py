"""Batch norm over a batch of which several processes have a part."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from vaelab.distributed.world import World


class SynchronisedBatchNorm(nn.BatchNorm2d):
    """nn.BatchNorm2d whose moments are those of all processes' images.

    With n_r, m_r, v_r the number of values, mean and variance of process r:

        mean = sum n_r m_r / n        variance = sum n_r (v_r + (m_r - mean)^2) / n

    torch.nn.SyncBatchNorm is the same for GPUs alone.

    "Batch normalization" (Ioffe and Szegedy, 2015, algorithm 1, arXiv 1502.03167).

    Args:
        norm: whose parameters and running moments these are.
        world: the processes.
    """

    def __init__(self, norm: nn.BatchNorm2d, world: World) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum)
        self.load_state_dict(norm.state_dict())
        self.world = world

    def forward(self, x: Tensor) -> Tensor:
        """With the moments of all in training; else with the running ones."""
        if not self.training:
            return super().forward(x)
        y: Tensor = _Normalise.apply(x, self.weight, self.bias, self)  # type: ignore[no-untyped-call]
        return y


class _Normalise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, norm: SynchronisedBatchNorm
    ) -> Tensor:
        y, *moments = normalise(x, norm)
        ctx.save_for_backward(x, *moments)
        ctx.norm = norm
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, *moments = ctx.saved_tensors
        return *normalise_backward(gradient, x, ctx.norm, *moments), None


def normalise(x: Tensor, norm: SynchronisedBatchNorm) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Y, and for `normalise_backward` the mean, the variance and the number of values; x is NCHW.

    The running moments follow.
    """
    channels = norm.num_features
    values = x.to(norm.weight.dtype)
    local_variance, local_mean = torch.var_mean(values, (0, 2, 3), correction=0)
    local_count = local_mean.new_full((1,), norm.world.counts * x.numel() // channels)
    every = norm.world.each(torch.cat([local_count, local_mean, local_variance]))
    counts, means, variances = torch.split(every, [1, channels, channels], 1)
    count = counts.sum()
    mean = (counts * means).sum(0) / count
    variance = (counts * (variances + (means - mean).square())).sum(0) / count
    y = torch.native_batch_norm(
        values, norm.weight, norm.bias, mean, variance, False, 0.0, norm.eps
    )[0]
    if norm.momentum is None or norm.running_mean is None or norm.running_var is None:
        raise TypeError("batch norm keeps running moments, which follow with a momentum")
    norm.running_mean.lerp_(mean, norm.momentum)
    norm.running_var.lerp_(variance * (count / (count - 1)), norm.momentum)
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    return y.to(x.dtype), mean, variance, count


def normalise_backward(
    gradient: Tensor,
    x: Tensor,
    norm: SynchronisedBatchNorm,
    mean: Tensor,
    variance: Tensor,
    count: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of x, of the weight and of the bias, the last two from this process's images.

    With s = 1 / sqrt(variance + eps) and x' = (x - mean) s:

        dx = weight s (dy - mean of dy - x' mean of (dy x'))        means over all processes
    """
    values = x.to(norm.weight.dtype)
    of_values, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
        gradient.to(values.dtype), values, norm.weight, mean, variance, None, None, False,
        norm.eps, [True, True, True],
    )  # fmt: skip
    every = norm.world.each(torch.cat([of_bias, of_weight])).sum(0) / count
    of_mean, of_product = (part[:, None, None] for part in every.chunk(2))
    inverse = (variance + norm.eps).rsqrt()[:, None, None]
    normal = (values - mean[:, None, None]) * inverse
    of_moments = norm.weight[:, None, None] * inverse * (of_mean + normal * of_product)
    of_x = of_values - norm.world.counts * of_moments
    return of_x.to(x.dtype), of_weight, of_bias


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


def synchronise(module: nn.Module, world: World) -> None:
    """Put a `SynchronisedBatchNorm` in the place of every batch norm inside."""
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, SynchronisedBatchNorm(child, world))
        else:
            synchronise(child, world)
