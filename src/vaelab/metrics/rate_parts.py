"""The rate taken apart over the whole data set."""

from collections.abc import Callable
from math import log
from typing import Any, Literal

import torch
from jaxtyping import Float
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
from vaelab.distributions import (
    log_aggregate,
    log_others,
    mixture_parameters,
    normal_mixture,
    rsample,
)
from vaelab.metrics.base import BaseMetric, Number
from vaelab.models import VAE, LatentVariableModel, as_flat
from vaelab.randomness import Purpose, generator

BATCH = 500
SATURATED = 0.9
"""From this share of log N on, the estimate of the mutual information is that of log N."""

TOO_LARGE = "; too large, as the mutual information is saturated"


class RatePartsMetric(BaseMetric):
    """What the rate is spent on: telling images apart, correlating dimensions, leaving the prior.

        rate = I(x; z) + KL(q(z) || p(z))
             = I(x; z) + KL(q(z) || prod q(z_k)) + sum over k of KL(q(z_k) || p(z_k))

    The second line needs a prior that is a product over dimensions. q(z) is the mixture of the
    posteriors of N images, all there are or 5,000 of them, and the parts are exact for these as the
    whole world. Of the images they stand for, I(x; z) is a lower estimate, never above log N, and
    what it leaves of the rate an upper one; with each image's own posterior left out of q(z),
    I(x; z) is an upper estimate. Use it to see whether the rate goes into the images at all, and
    whether codes drawn from the prior are like those of images, as long as the first estimate stays
    well below log N; where it does not, that is said.

    "Isolating sources of disentanglement in VAEs" (Chen et al., 2018, eq. 2, arXiv 1802.04942); the
    first line, and log N: "ELBO surgery" (Hoffman and Johnson, 2016); the estimates on both sides:
    "On variational bounds of mutual information" (Poole et al., 2019, arXiv 1905.06922).
    """

    kind: Literal["rate_parts"] = "rate_parts"
    images: int = Field(default=5_000, ge=2, le=100_000)
    """Of a larger split this many are taken, evenly spread: the cost is quadratic in them."""
    seed: int = Field(default=0, ge=0)
    """Of the samples."""

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, feed: Feed) -> dict[str, Number]:
        """`index_code_mi_nats`, `index_code_mi_upper_nats`, `aggregate_kl_nats` and its two parts.

        These are `total_correlation_nats` and, where the prior is a product over dimensions,
        `dimensionwise_kl_nats`. Nothing where the prior is one of each class, or the density of
        q(z|x) is dear away from its samples.
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
        information = log_q - joint
        saturated = information.mean().item() > SATURATED * log(count)
        at_most = f"; at most log {count:,} = {log(count):.2f}"
        rest = TOO_LARGE if saturated else ""
        parts = {
            "index_code_mi_nats": (information, at_most + ", saturated" * saturated),
            "index_code_mi_upper_nats": _upper(posterior, z, log_q, log_p),
            "total_correlation_nats": (joint - product, rest),
            "aggregate_kl_nats": (joint - log_p, rest),
        }
        if isinstance(prior, Independent):
            singly = (log_q - product).mean().item() > SATURATED * log(count) * model.latent
            parts["dimensionwise_kl_nats"] = (product - log_p, TOO_LARGE if singly else "")
        return {
            name: Number.mean(values, "nats", f"1 sample each of {count:,} images{words}")
            for name, (values, words) in parts.items()
        }


def _upper(
    posterior: Distribution, z: Tensor, log_q: Tensor, log_p: Tensor
) -> tuple[Float[Tensor, " n"], str]:
    """The smaller of two upper bounds on I(x; z), image by image, and which it is."""
    left_out, rate = log_q - log_others(posterior, z), log_q - log_p
    if left_out.mean() <= rate.mean():
        return left_out, "; the own posterior left out"
    return rate, "; the rate, closer than with the own posterior left out"


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
