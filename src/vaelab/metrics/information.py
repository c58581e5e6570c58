"""What codes tell of the factors that made the images, in nats: MIG and modularity."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from pydantic import Field
from torch import Tensor
from torch.distributions import MixtureSameFamily, Normal

from vaelab.data.loading.evaluation import EvalLoader
from vaelab.metrics.base import BaseMetric, Number
from vaelab.metrics.codes import posterior_means, posterior_of
from vaelab.models import LatentVariableModel
from vaelab.randomness import Purpose, generator

SCORE = "0 to 1"
"""The unit of what is measured against factors."""


@dataclass(frozen=True, eq=False)
class Factors:
    """Factors that differ between the images of a split.

    Attributes:
        values: indices from 0, a column for each factor.
        categorical: which of them have no order: the one that is the class of the images.
    """

    values: Int64[np.ndarray, "n f"]
    categorical: Bool[np.ndarray, " f"]

    @property
    def entropies(self) -> Float[np.ndarray, " f"]:
        """H(v_k), nats."""
        counts = [np.unique(column, return_counts=True)[1] for column in self.values.T]
        return np.array([-(c / c.sum() * np.log(c / c.sum())).sum() for c in counts])


def known_factors(
    loader: EvalLoader, chosen: Int64[np.ndarray, " m"] | None = None
) -> Factors | None:
    """The factors of a split, or of some of its images.

    None where they are not known, or none of them differs.
    """
    if loader.factors is None:
        return None
    index = np.arange(len(loader)) if chosen is None else chosen
    values, classes = loader.factors[index], loader.labels.cpu().numpy()[index]
    values = values[:, (values != values[:1]).any(0)]
    return Factors(values, (values == classes[:, None]).all(0)) if values.shape[1] else None


def binned_information(
    codes: Float[np.ndarray, "n d"], factors: Factors, bins: int
) -> Float[np.ndarray, "d f"]:
    """I(z_j; v_k) in nats, from counts of each code in bins of equal width over its range."""
    from sklearn.metrics import mutual_info_score  # a second to import, seldom needed

    edges = [np.histogram_bin_edges(code, bins) for code in codes.T]
    binned = [np.digitize(code, edge[1:-1]) for code, edge in zip(codes.T, edges, strict=True)]
    rows = [[mutual_info_score(factor, code) for factor in factors.values.T] for code in binned]
    return np.array(rows)


def mean_gap(scores: Float[np.ndarray, "d f"]) -> float:
    """How far the best code of a factor is ahead of the second best, averaged over factors.

    A code that is alone is ahead of 0.
    """
    second, best = np.sort(np.pad(scores, ((1, 0), (0, 0))), axis=0)[-2:]
    return float((best - second).mean())


class MIGPosteriorMetric(BaseMetric):
    """How much more the best code tells of a factor than the second best, from samples of q(z|x).

    MIG = mean over factors k of (I(z_j; v_k) - max over i != j of I(z_i; v_k)) / H(v_k), j the code
    that tells most: Chen et al. (2018). The information is that of the noisy code, q(z_j) and
    q(z_j|v_k) mixtures of the images' posteriors; of few images it is too large, since each is
    counted among those it is told from.
    """

    advice = """Use it for a number about the code that the decoder is given. Not the number of
        `mig_histogram`, which looks at means."""
    references = """
        "Isolating sources of disentanglement in VAEs" (Chen et al., 2018, eq. 6 and appendix C,
        arXiv 1802.04942)"""

    kind: Literal["mig_posterior"] = "mig_posterior"
    images: int = Field(default=4_000, ge=2, le=20_000)
    """Images taken of a larger split, at random: the cost is quadratic in them."""
    seed: int = Field(default=0, ge=0)
    """Seed of the choice and of the samples."""

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, loader: EvalLoader) -> dict[str, Number]:
        """`mig_posterior`; nothing without factors, or where a code's own density is unknown."""
        draws = generator(self.seed, Purpose.MIG)
        chosen = torch.randperm(len(loader), generator=draws)[: self.images]
        factors = known_factors(loader, chosen.numpy())
        posterior = None if factors is None else posterior_of(model, loader, chosen)
        if factors is None or posterior is None or isinstance(posterior, MixtureSameFamily):
            return {}
        loc, scale = posterior.mean, posterior.stddev
        noise = torch.randn(loc.shape, generator=draws, dtype=loc.dtype)
        shares = posterior_information(loc, scale, noise, factors) / factors.entropies
        estimator = f"1 sample each of {len(chosen):,} images"
        return {"mig_posterior": Number(mean_gap(shares), SCORE, estimator)}


class MIGHistogramMetric(BaseMetric):
    """How much more the best code tells of a factor than the second best, from binned means."""

    advice = """Use it beside tables made with disentanglement_lib, whose `mig` it is. Means have no
        noise, so that a code counts as soon as it moves, however little."""
    references = """
        The gap of `mig_posterior`, with mutual information counted over bins of the posterior's
        mean: "Challenging common assumptions in the unsupervised learning of disentangled
        representations" (Locatello et al., 2019, appendix, arXiv 1811.12359)"""

    kind: Literal["mig_histogram"] = "mig_histogram"
    bins: int = Field(default=20, ge=2, le=1000)
    """Number of bins of equal width over the range of each code."""

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, loader: EvalLoader) -> dict[str, Number]:
        """`mig_histogram`; nothing without factors."""
        factors = known_factors(loader)
        if factors is None:
            return {}
        information = binned_information(posterior_means(model, loader), factors, self.bins)
        gap = mean_gap(information / factors.entropies)
        return {"mig_histogram": Number(gap, SCORE, f"means in {self.bins} bins")}


def posterior_information(
    loc: Float[Tensor, "n d"],
    scale: Float[Tensor, "n d"],
    noise: Float[Tensor, "n d"],
    factors: Factors,
) -> Float[np.ndarray, "d f"]:
    """I(z_j; v_k) = E log q(z_j|v_k) - log q(z_j), nats, at a sample of every q(z|x)."""
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


class ModularityMetric(BaseMetric):
    """How far each code tells of a single factor.

    1 - sum over k != m of I(z_j; v_k)^2 / (I(z_j; v_m)^2 (f - 1)), m the factor it tells most of,
    averaged over codes: Ridgeway and Mozer (2018).
    """

    advice = """Use it beside a score of completeness: a factor may be spread over many modular
        codes. A code that tells of nothing counts too, at what its noise makes of it, so it says
        little where `active_units` is low."""
    references = """
        "Learning deep disentangled embeddings with the F-statistic loss" (Ridgeway and Mozer, 2018,
        arXiv 1802.05312)"""

    kind: Literal["modularity"] = "modularity"
    bins: int = Field(default=20, ge=2, le=1000)
    """Number of bins of equal width over the range of each code's mean."""

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, loader: EvalLoader) -> dict[str, Number]:
        """`modularity`; nothing without factors."""
        factors = known_factors(loader)
        if factors is None:
            return {}
        information = binned_information(posterior_means(model, loader), factors, self.bins)
        return {"modularity": Number(modularity(information), SCORE, f"means in {self.bins} bins")}


def modularity(information: Float[np.ndarray, "d f"]) -> float:
    """The mean over codes; one without any information counts 0, of a single factor 1 otherwise."""
    squares = information**2
    best = squares.max(1)
    others = (squares.sum(1) - best) / max(1, information.shape[1] - 1)
    return float(np.where(best > 0, 1 - others / np.where(best > 0, best, 1), 0).mean())
