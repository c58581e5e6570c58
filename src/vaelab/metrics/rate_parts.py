"""The rate taken apart over the whole data set."""

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from vaelab.data.feed import Feed
from vaelab.distributions import log_aggregate, rsample
from vaelab.metrics.base import BaseMetric, Number
from vaelab.models import VAE, LatentVariableModel, as_flat
from vaelab.randomness import Purpose, generator

BATCH = 500


class RatePartsMetric(BaseMetric):
    """What the rate is spent on: telling images apart, correlating dimensions, leaving the prior.

        rate = I(x; z) + KL(q(z) || prod q(z_k)) + sum over k of KL(q(z_k) || p(z_k))

    q(z) is the mixture of all the images' posteriors, not an estimate from a batch, so the parts
    sum to the rate. Use it to see whether the rate goes into the images at all, and whether codes
    drawn from the prior are like those of images: only then can samples be good.

    "Isolating sources of disentanglement in VAEs" (Chen et al., 2018, eq. 2, arXiv 1802.04942); the
    first part against the others: "ELBO surgery" (Hoffman and Johnson, 2016).
    """

    kind: Literal["rate_parts"] = "rate_parts"
    images: int = Field(default=5_000, ge=2, le=100_000)
    """Of a larger split this many are taken, evenly spread: the cost is quadratic in them."""
    seed: int = Field(default=0, ge=0)
    """Of the samples."""

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, feed: Feed) -> dict[str, Number]:
        """The three parts, and KL(q(z) || p(z)), which is the sum of the last two.

        `index_code_mi_nats`, `total_correlation_nats`, `dimensionwise_kl_nats` and
        `aggregate_kl_nats`. Nothing where the prior is one of each class, or the density of q(z|x)
        is dear away from its samples.
        """
        as_flat(model, "this metric")
        if not isinstance(model, VAE) or model.prior_reads_class:
            return {}
        count = min(self.images, len(feed))
        loc, factor = _posteriors(model, feed, count)
        if loc is None or factor is None:
            return {}
        posterior = _as_distribution(loc, factor)
        draws = generator(self.seed, Purpose.EVALUATION, 4)
        noise = torch.randn(loc.shape, generator=draws, dtype=loc.dtype)
        z = rsample(posterior, noise)
        prior = model.prior()
        log_p = prior.log_prob(z.to(next(model.parameters()))).double().cpu()
        log_q = posterior.log_prob(z)
        joint, product = log_aggregate(posterior, z)
        estimator = f"1 sample each of {count:,} images"
        parts = {
            "index_code_mi_nats": log_q - joint,
            "total_correlation_nats": joint - product,
            "dimensionwise_kl_nats": product - log_p,
            "aggregate_kl_nats": joint - log_p,
        }
        return {name: Number.mean(values, "nats", estimator) for name, values in parts.items()}


def _posteriors(
    model: VAE, feed: Feed, count: int
) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n ..."]] | tuple[None, None]:
    """Locations, and scales or lower triangular factors, of `count` images."""
    chosen = torch.arange(count) * len(feed) // count
    locs, factors = [], []
    for batch in feed.batches(BATCH):
        q = model.encode(batch.x, batch.context)
        if isinstance(q, MultivariateNormal):
            factors.append(q.scale_tril)
        elif isinstance(q, Independent) and isinstance(q.base_dist, Normal):
            factors.append(q.base_dist.scale)
        else:
            return None, None
        locs.append(q.mean)
    return torch.cat(locs).double().cpu()[chosen], torch.cat(factors).double().cpu()[chosen]


def _as_distribution(loc: Tensor, factor: Tensor) -> Distribution:
    if factor.dim() == 3:
        return MultivariateNormal(loc, scale_tril=factor, validate_args=False)
    return Independent(Normal(loc, factor, validate_args=False), 1, validate_args=False)
