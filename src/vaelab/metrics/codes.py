"""What the codes of a split tell: active units, neighbours of the same class, a linear probe."""

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor
from torch.distributions import (
    Distribution,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)

from vaelab.data.loading.evaluation import EvalLoader
from vaelab.distributions import mixture_parameters, normal_mixture
from vaelab.metrics.base import BaseMetric, Number
from vaelab.models import LatentVariableModel, as_flat

MEANS = "posterior means without their noise"
"""What is classified: means may be told apart that differ by less than a posterior's width."""


class ActiveUnitsMetric(BaseMetric):
    """Latent dimensions whose posterior mean varies over the images."""

    formula = "number of dimensions k with Var over x of E_q(z|x)[z_k] > threshold"
    advice = """Use it to see how much of the code is in use: the rest could be left out. The
        threshold is in units of a standard normal prior; codes under a learned prior have no unit,
        and it says little."""
    references = """
        "Importance weighted autoencoders" (Burda et al., 2016, section 5.2, arXiv 1509.00519)"""

    kind: Literal["active_units"] = "active_units"
    threshold: float = Field(default=0.01, gt=0)
    """Variance of the posterior mean above which a dimension counts."""

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, loader: EvalLoader) -> dict[str, Number]:
        """`active_units`."""
        variance = posterior_means(model, loader).var(axis=0)
        count = float((variance > self.threshold).sum())
        estimator = f"variance > {self.threshold:g}"
        return {"active_units": Number(count, f"of {len(variance)}", estimator)}


class NeighboursMetric(BaseMetric):
    """Share of images whose nearest codes among the others are mostly of its class.

    Each image is classified by the majority of its k nearest neighbours in the same split, itself
    left out.
    """

    advice = """Use it to see whether the code keeps the classes apart, whatever shapes they have in
        it."""
    references = """
        "Nearest neighbor pattern classification" (Cover and Hart, 1967, doi
        10.1109/TIT.1967.1053964)"""

    kind: Literal["neighbours"] = "neighbours"
    neighbours: int = Field(default=5, ge=1)
    """Number k of neighbours."""

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, loader: EvalLoader) -> dict[str, Number]:
        """`knn{k}_accuracy`, absent where there is one class or too few images."""
        labels = loader.labels.cpu().numpy()
        if len(np.unique(labels)) < 2 or len(labels) <= self.neighbours:
            return {}
        codes = posterior_means(model, loader)
        accuracy = leave_one_out_accuracy(codes, labels, self.neighbours)
        estimator = f"{MEANS}; leave one out; {_guessed(labels)}"
        return {f"knn{self.neighbours}_accuracy": Number(accuracy, "share", estimator)}


def _guessed(labels: np.ndarray) -> str:
    """What no code at all would get right."""
    largest = np.unique(labels, return_counts=True)[1].max()
    return f"guessing the largest class: {largest / len(labels):.3f}"


def leave_one_out_accuracy(
    codes: Float[np.ndarray, "n d"], labels: np.ndarray, neighbours: int
) -> float:
    """Accuracy of classifying each code by its nearest others."""
    from scipy.stats import mode  # a second to import, seldom needed
    from sklearn.neighbors import NearestNeighbors

    fitted = NearestNeighbors(n_neighbors=neighbours).fit(codes)
    nearest = fitted.kneighbors(return_distance=False)  # of the codes fitted, without itself
    return float((mode(labels[nearest], axis=1).mode == labels).mean())


def posterior_means(model: LatentVariableModel, loader: EvalLoader) -> Float[np.ndarray, "n d"]:
    """The mean of every image's posterior."""
    return torch.cat([q.mean for q in _posteriors(model, loader)]).double().cpu().numpy()


def posterior_of(
    model: LatentVariableModel, loader: EvalLoader, chosen: Int64[Tensor, " n"]
) -> Distribution | None:
    """q(z|x) of these images, in float64; None where it is neither normal nor a mixture of such."""
    batches = list[Any](_posteriors(model, loader))

    def gathered(parameters: Iterable[Tensor]) -> Tensor:
        return torch.cat(list(parameters)).double().cpu()[chosen]

    match batches[0]:
        case MultivariateNormal():
            loc, factor = gathered(q.loc for q in batches), gathered(q.scale_tril for q in batches)
            return MultivariateNormal(loc, scale_tril=factor, validate_args=False)
        case MixtureSameFamily():
            each = zip(*map(mixture_parameters, batches), strict=True)
            return normal_mixture(*map(gathered, each))
        case Independent(base_dist=Normal()):
            loc, scale = gathered(q.mean for q in batches), gathered(q.stddev for q in batches)
            return Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)
    return None


def _posteriors(model: LatentVariableModel, loader: EvalLoader) -> list[Distribution]:
    flat = as_flat(model, "this metric")
    return [flat.encode(batch.x, batch.context) for batch in loader.batches()]


class LinearProbeMetric(BaseMetric):
    """Share of images whose class a linear classifier of the posterior mean gets right.

    p(class | x) = softmax(W mean(x) + b), fitted with scikit-learn's logistic regression on
    standardised means, so that no dimension counts for its scale. Each image is classified by a
    probe of the other folds of the same split, its own left out.
    """

    advice = """Use it to see whether the classes are apart in straight directions of the code;
        `neighbours` also sees them where they are bent."""
    references = """
        "Understanding intermediate layers using linear classifier probes" (Alain and Bengio, 2017,
        arXiv 1610.01644)"""

    kind: Literal["linear_probe"] = "linear_probe"
    folds: int = Field(default=5, ge=2)
    """Parts that the split is divided into."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the division."""

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, loader: EvalLoader) -> dict[str, Number]:
        """`linear_probe_accuracy`, absent where a class has fewer images than there are folds."""
        labels = loader.labels.cpu()
        counts = torch.unique(labels, return_counts=True)[1]
        if len(counts) < 2 or counts.min() < self.folds:
            return {}
        from sklearn.linear_model import LogisticRegression  # a second to import, seldom needed
        from sklearn.model_selection import StratifiedKFold, cross_val_predict
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        folds = StratifiedKFold(self.folds, shuffle=True, random_state=self.seed)
        truth = labels.numpy()
        right = cross_val_predict(probe, posterior_means(model, loader), truth, cv=folds) == truth
        estimator = f"{MEANS}; {self.folds} folds of these images; {_guessed(truth)}"
        return {"linear_probe_accuracy": Number(float(right.mean()), "share", estimator)}
