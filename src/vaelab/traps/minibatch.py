"""The total correlation of a batch, reported as that of the data."""

from collections.abc import Iterable
from math import ceil
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.distributions import Independent, Normal

from vaelab.distributions import log_aggregate
from vaelab.metrics import Number
from vaelab.models import Level
from vaelab.objectives.tcvae import log_aggregate_posterior
from vaelab.randomness import Purpose, generator
from vaelab.traps.base import BaseMeasure, Curve, Shown, Trained

SIZES = (16, 32, 64, 128, 256)
PARTS = (16, 8, 4, 2, 1)
"""Of the images, as if there were no others."""
BATCH = 500


def minibatch_total_correlation(
    level: Level, images: Float[Tensor, ""], size: int
) -> Float[Tensor, " n"]:
    """Log q(z) - sum over k of log q(z_k), nats, q estimated from batches of `size` images.

    Minibatch weighted sampling: "Isolating sources of disentanglement in VAEs" (Chen et al., 2018,
    eq. 3, arXiv 1802.04942); good enough to train with, and no estimate of the value.

    Args:
        level: all the images' posteriors, with one sample of each.
        images: how many there are.
        size: of a batch.
    """
    posterior, parts = level.posterior, []
    for start in range(0, level.z.shape[1], size):
        part = slice(start, start + size)
        few = Independent(Normal(posterior.mean[part], posterior.stddev[part]), 1)
        joint, product = log_aggregate_posterior(Level(level.z[:, part], few, level.prior), images)
        parts.append(joint - product)
    return torch.cat(parts)


def total_correlation(level: Level, images: int) -> Float[Tensor, " images"]:
    """The same with q(z) of the first `images` of them: of more images an upper estimate.

    Each code meets its own posterior with a weight of 1 / images, where of all images that there
    could be it would have none.
    """
    posterior, some = level.posterior, slice(images)
    q = Independent(Normal(posterior.mean[some], posterior.stddev[some]), 1)
    joint, product = log_aggregate(q, level.z[0, some])
    return joint - product


class MinibatchMeasure(BaseMeasure):
    """The same codes: q(z) from batches, and q(z) from all the training images or some."""

    kind: Literal["minibatch"] = "minibatch"
    size: Literal[16, 32, 64, 128, 256] = Field(default=64)
    """Images of a batch."""

    def __call__(self, wrong: Trained, right: Trained) -> tuple[Shown, Shown]:
        """Both in nats, and how they depend on the batch."""
        level = _level(right)
        count = level.z.shape[1]
        images = torch.tensor(float(count))
        estimates = {size: minibatch_total_correlation(level, images, size) for size in SIZES}
        sizes = tuple(count // part for part in PARTS)
        whole = {size: total_correlation(level, size) for size in sizes}
        words = f"q(z) of all {count:,} images, an upper estimate"
        better = Number.mean(whole[count], "nats", words)
        batches = ceil(count / self.size)
        words = f"q(z) of {batches} batches of {self.size} images"
        number = Number.mean(estimates[self.size], "nats", words)
        name = f"total_correlation_batch{self.size}_nats"
        return (
            Shown(name, number, Curve("images of a batch", SIZES, _means(estimates.values()))),
            Shown("total_correlation_nats", better,
                  Curve("images there are", sizes, _means(whole.values()))),
        )  # fmt: skip


def _means(estimates: Iterable[Tensor]) -> tuple[float, ...]:
    return tuple(estimate.mean().item() for estimate in estimates)


@torch.no_grad()
def _level(trained: Trained) -> Level:
    """The posteriors of the training images, in a random order, and a sample of each."""
    model = trained.model
    feed = trained.feed(trained.store.train)
    posteriors = [model.encode(batch.x, batch.context) for batch in feed.batches(BATCH)]
    draws = generator(0, Purpose.EVALUATION, 9)
    order = torch.randperm(len(feed), generator=draws)
    loc = torch.cat([q.mean for q in posteriors]).double()[order]
    scale = torch.cat([q.stddev for q in posteriors]).double()[order]
    noise = torch.randn(loc.shape, generator=draws, dtype=loc.dtype)
    return Level((loc + scale * noise)[None], Independent(Normal(loc, scale), 1), model.prior())
