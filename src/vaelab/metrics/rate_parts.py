"""The rate taken apart over the whole data set."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.distributions import (
    Distribution,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)

from vaelab.data.feed import Feed
from vaelab.distributions import log_aggregate, mixture_parameters, normal_mixture, rsample
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
        posterior = _posterior(model, feed, count)
        if posterior is None:
            return {}
        draws = generator(self.seed, Purpose.EVALUATION, 4)
        noise = torch.randn(1, count, model.latent, generator=draws, dtype=torch.float64)
        z = rsample(posterior, noise)[0]
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


def _posterior(model: VAE, feed: Feed, count: int) -> Distribution | None:
    """q(z|x) of `count` images, in float64; None where it is of another family."""
    batches = [model.encode(batch.x, batch.context) for batch in feed.batches(BATCH)]
    chosen = torch.arange(count) * len(feed) // count

    def gathered(parameter: Callable[[Any], Tensor]) -> Tensor:
        return torch.cat([parameter(q) for q in batches]).double().cpu()[chosen]

    match batches[0]:
        case MultivariateNormal():
            loc, factor = gathered(lambda q: q.loc), gathered(lambda q: q.scale_tril)
            return MultivariateNormal(loc, scale_tril=factor, validate_args=False)
        case MixtureSameFamily():
            return normal_mixture(
                gathered(lambda q: mixture_parameters(q)[0]),
                gathered(lambda q: mixture_parameters(q)[1]),
                gathered(lambda q: mixture_parameters(q)[2]),
            )
        case Independent(base_dist=Normal()):
            loc, scale = gathered(lambda q: q.mean), gathered(lambda q: q.stddev)
            return Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)
    return None
