"""Distortion, rate and ELBO of a split."""

from typing import Literal

import torch
from pydantic import Field

from vaelab.data.feed import Feed
from vaelab.metrics.base import BaseMetric, Number
from vaelab.models import LatentVariableModel
from vaelab.randomness import Purpose, generator

BATCH = 500
NATS = "nats"


class BoundMetric(BaseMetric):
    """Distortion, rate and ELBO at beta 1, and the rate per dimension; each image weighs the same.

    "Auto-encoding variational Bayes" (Kingma and Welling, 2014, eq. 3, arXiv 1312.6114); names:
    "Fixing a broken ELBO" (Alemi et al., 2018, section 2, arXiv 1711.00464).
    """

    kind: Literal["bound"] = "bound"
    samples: int = Field(default=1, ge=1)
    """Posterior samples per image for the distortion."""
    seed: int = Field(default=0, ge=0)
    """Of the samples; the same draws at every evaluation, so that runs can be compared."""

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, feed: Feed) -> dict[str, Number]:
        """`distortion_nats`, `rate_nats`, `elbo_nats`, `rate_z1_nats`, `rate_z2_nats`, ..."""
        draws = generator(self.seed, Purpose.EVALUATION, 0, feed.images.device)
        distortion, rate, per_dim, exact = [], [], [], []
        for batch in feed.batches(max(1, BATCH // self.samples)):
            shape = (self.samples, len(batch.x), *model.latent_shape)
            noise = torch.randn(shape, generator=draws, device=batch.x.device, dtype=batch.x.dtype)
            terms = model.terms(batch.x, batch.context, noise=noise)
            distortion.append(terms.distortion)
            rate.append(terms.rate)
            exact.append(terms.levels[0].closed_form_kl is not None)
            dims = terms.levels[0].kl_per_dim
            per_dim += [] if dims is None else [dims]
        sampled = f"{self.samples} sample{'s' * (self.samples > 1)} per image"
        closed = "closed-form KL"
        numbers = {
            "distortion_nats": Number.mean(torch.cat(distortion), NATS, sampled),
            "rate_nats": Number.mean(torch.cat(rate), NATS, closed if all(exact) else sampled),
            "elbo_nats": Number.mean(-torch.cat(distortion) - torch.cat(rate), NATS, sampled),
        }
        if per_dim:
            numbers |= {
                f"rate_z{dim}_nats": Number.mean(values, NATS, closed)
                for dim, values in enumerate(torch.cat(per_dim).unbind(1), 1)
            }
        return numbers
