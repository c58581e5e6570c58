"""The Gaussian scale that the squared errors imply."""

from math import sqrt
from typing import Literal

import torch
from pydantic import Field

from vaelab.data import Domain
from vaelab.data.feed import Feed
from vaelab.distributions import rsample
from vaelab.metrics.base import BaseMetric, Number
from vaelab.models import LatentVariableModel, as_flat
from vaelab.randomness import Purpose, generator

BATCH = 500


class ImpliedScaleMetric(BaseMetric):
    """The Gaussian scale under which the decoder's squared errors would be most likely.

        scale^2 = mean over images, pixels and posterior samples of (x - E[x|z])^2

    Use it to judge a scale that was set by hand: a likelihood with one much smaller than this is
    nearly a plain autoencoder.

    "Simple and effective VAE training with calibrated decoders" (Rybkin et al., 2021, eq. 4, arXiv
    2006.13202).
    """

    kind: Literal["implied_scale"] = "implied_scale"
    seed: int = Field(default=0, ge=0)
    """Of the samples."""

    def suits(self, flat: bool, domain: Domain) -> bool:
        """Black and white have no scale."""
        return super().suits(flat, domain) and domain is not Domain.BINARY

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, feed: Feed) -> dict[str, Number]:
        """`mse_per_pixel` and `implied_gaussian_scale`, in units of the pixels' domain."""
        flat = as_flat(model, "this metric")
        draws = generator(self.seed, Purpose.EVALUATION, 2, feed.device)
        total, values = 0.0, 0
        for batch in feed.batches(BATCH):
            shape = (1, len(batch.x), flat.latent)
            noise = torch.randn(shape, generator=draws, device=batch.x.device, dtype=batch.x.dtype)
            z = rsample(flat.encode(batch.x, batch.context), noise)
            output = flat.decode(z, batch.context).mean
            total += (batch.x - output[0]).double().square().sum().item()
            values += batch.x.numel()
        mse = total / values
        estimator = "1 sample per image"
        return {
            "mse_per_pixel": Number(mse, "pixel²", estimator),
            "implied_gaussian_scale": Number(sqrt(mse), "pixel", "root of the mse"),
        }
