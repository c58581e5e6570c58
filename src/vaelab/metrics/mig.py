"""The mutual information gap, in the two ways it is published, which differ in value."""

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, Normal

from vaelab.data.feed import Feed
from vaelab.metrics.base import BaseMetric, Number
from vaelab.metrics.codes import posterior_means
from vaelab.metrics.factors import SCORE, Factors, binned_information, known_factors, mean_gap
from vaelab.models import FlatLatent, LatentVariableModel
from vaelab.randomness import Purpose, generator

BATCH = 500


class MIGPosteriorMetric(BaseMetric):
    """How much more the best code tells of a factor than the second best, from samples of q(z|x).

    MIG = mean over factors k of (I(z_j; v_k) - max over i != j of I(z_i; v_k)) / H(v_k), j the
    code that tells most: "Isolating sources of disentanglement in VAEs" (Chen et al., 2018, eq. 6
    and appendix C, arXiv 1802.04942). The information is that of the noisy code, q(z_j) and
    q(z_j|v_k) mixtures of the images' posteriors; of few images it is too large, since each is
    counted among those it is told from. Use it for a number about the code that the decoder is
    given. Not the number of `mig_histogram`, which looks at means.
    """

    kind: Literal["mig_posterior"] = "mig_posterior"
    images: int = Field(default=4_000, ge=2, le=20_000)
    """Of a larger split this many are taken at random: the cost is quadratic in them."""
    seed: int = Field(default=0, ge=0)
    """Of the choice and of the samples."""

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, feed: Feed) -> dict[str, Number]:
        """`mig_posterior`; nothing without factors, or where a code's own density is unknown."""
        draws = generator(self.seed, Purpose.EVALUATION, 5)
        chosen = torch.randperm(len(feed), generator=draws)[: self.images]
        factors = known_factors(feed, chosen.numpy())
        normal = None if factors is None else _normal_marginals(model, feed)
        if factors is None or normal is None:
            return {}
        loc, scale = (of_all[chosen] for of_all in normal)
        noise = torch.randn(loc.shape, generator=draws, dtype=loc.dtype)
        shares = posterior_information(loc, scale, noise, factors) / factors.entropies
        estimator = f"1 sample each of {len(chosen):,} images"
        return {"mig_posterior": Number(mean_gap(shares), SCORE, estimator)}


class MIGHistogramMetric(BaseMetric):
    """How much more the best code tells of a factor than the second best, from binned means.

    The gap of `mig_posterior`, with mutual information counted over bins of the posterior's mean:
    "Challenging common assumptions in the unsupervised learning of disentangled representations"
    (Locatello et al., 2019, appendix, arXiv 1811.12359). Use it beside tables made with
    disentanglement_lib, whose `mig` it is. Means have no noise, so that a code counts as soon as
    it moves, however little.
    """

    kind: Literal["mig_histogram"] = "mig_histogram"
    bins: int = Field(default=20, ge=2, le=1000)
    """Of equal width, over the range of each code."""

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, feed: Feed) -> dict[str, Number]:
        """`mig_histogram`; nothing without factors."""
        factors = known_factors(feed)
        if factors is None:
            return {}
        information = binned_information(posterior_means(model, feed), factors, self.bins)
        gap = mean_gap(information / factors.entropies)
        return {"mig_histogram": Number(gap, SCORE, f"means in {self.bins} bins")}


def posterior_information(
    loc: Float[Tensor, "n d"],
    scale: Float[Tensor, "n d"],
    noise: Float[Tensor, "n d"],
    factors: Factors,
) -> Float[np.ndarray, "d f"]:
    """I(z_j; v_k) = E log q(z_j|v_k) - log q(z_j), nats, at a sample of every q(z|x).

    Args:
        loc: of every image's posterior.
        scale: likewise.
        noise: standard normal.
        factors: of the images.
    """
    n, d = loc.shape
    information = np.empty((d, factors.values.shape[1]))
    samples = loc + scale * noise
    for j in range(d):
        posterior = Normal(loc[:, j], scale[:, j], validate_args=False)
        each: Tensor = posterior.log_prob(samples[:, j, None])  # type: ignore[no-untyped-call]
        whole = torch.logsumexp(each, 1) - np.log(n)
        for k, column in enumerate(factors.values.T):
            of_value = torch.empty_like(whole)
            for value in np.unique(column):
                same = torch.from_numpy(np.flatnonzero(column == value))
                among = each[same[:, None], same]
                of_value[same] = torch.logsumexp(among, 1) - np.log(len(same))
            information[j, k] = (of_value - whole).mean()
    return information


def _normal_marginals(
    model: LatentVariableModel, feed: Feed
) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n d"]] | None:
    """Mean and standard deviation of each code; None where it is not normal by itself."""
    if not isinstance(model, FlatLatent):
        raise TypeError(f"{type(model).__name__} has no flat code")
    locs, scales = [], []
    for batch in feed.batches(BATCH):
        q = model.encode(batch.x, batch.context)
        independent = isinstance(q, Independent) and isinstance(q.base_dist, Normal)
        if not (independent or isinstance(q, MultivariateNormal)):
            return None
        locs.append(q.mean)
        scales.append(q.stddev)
    return torch.cat(locs).double().cpu(), torch.cat(scales).double().cpu()
