"""The rate taken apart over the whole data set."""

from math import log
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.distributions import Distribution, Independent

from vaelab.data.loading.evaluation import EvalLoader
from vaelab.data.store import evenly_spaced
from vaelab.distributions import log_aggregate, log_others, rsample
from vaelab.metrics.base import BaseMetric, Number
from vaelab.metrics.codes import posterior_of
from vaelab.models import LatentVariableModel, OneLevel, as_flat
from vaelab.randomness import Purpose, generator

SATURATED = 0.9
"""From this share of log N on, the estimate of the mutual information is that of log N."""

TOO_LARGE = "; too large: I(x; z) is saturated"


class RatePartsMetric(BaseMetric):
    """What the rate is spent on: telling images apart, correlating dimensions, leaving the prior.

    The second line needs a prior that is a product over dimensions. q(z) is the mixture of the
    posteriors of N images, all there are or 5,000 of them, and the parts are exact for these as the
    whole world. Of the images they stand for, I(x; z) is a lower estimate, never above log N, and
    what it leaves of the rate an upper one; with each image's own posterior left out of q(z), I(x;
    z) is an upper estimate.
    """

    formula = """
        rate = I(x; z) + KL(q(z) || p(z))
             = I(x; z) + KL(q(z) || prod q(z_k)) + sum over k of KL(q(z_k) || p(z_k))
    """
    advice = """Use it to see whether the rate goes into the images at all, and whether codes drawn
        from the prior are like those of images, as long as the first estimate stays well below log
        N; where it does not, that is said."""
    references = """
        "Isolating sources of disentanglement in VAEs" (Chen et al., 2018, eq. 2, arXiv
        1802.04942); the first line, and log N: "ELBO surgery" (Hoffman and Johnson, 2016); the
        estimates on both sides: "On variational bounds of mutual information" (Poole et al.,
        2019, arXiv 1905.06922)"""

    kind: Literal["rate_parts"] = "rate_parts"
    images: int = Field(default=5_000, ge=2, le=100_000)
    """Images taken of a larger split, evenly spread: the cost is quadratic in them."""
    seed: int = Field(default=0, ge=0)
    """Seed of the samples."""

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, loader: EvalLoader) -> dict[str, Number]:
        """`index_code_mi_nats`, `index_code_mi_upper_nats`, `aggregate_kl_nats` and its two parts.

        These are `total_correlation_nats` and, where the prior is a product over dimensions,
        `dimensionwise_kl_nats`. Nothing of a single image, where the prior is one of each class,
        or the density of q(z|x) is dear away from its samples.
        """
        latent = as_flat(model, "this metric").latent
        if not isinstance(model, OneLevel) or model.prior.reads_class or len(loader) < 2:
            return {}
        count = min(self.images, len(loader))
        chosen = torch.from_numpy(evenly_spaced(len(loader), count))
        posterior = posterior_of(model, loader, chosen)
        if posterior is None:
            return {}
        draws = generator(self.seed, Purpose.RATE_PARTS)
        noise = torch.randn(1, count, latent, generator=draws, dtype=torch.float64)
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
            singly = (log_q - product).mean().item() > SATURATED * log(count) * latent
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
        return left_out, "; leave-one-out bound"
    return rate, "; the rate, closer than the leave-one-out bound"
