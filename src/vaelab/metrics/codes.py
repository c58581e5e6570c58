"""What the codes of a split tell: active units, neighbours of the same class."""

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field

from vaelab.data.feed import Feed
from vaelab.metrics.base import BaseMetric, Number
from vaelab.models import LatentVariableModel, as_flat

BATCH = 500


class ActiveUnitsMetric(BaseMetric):
    """Latent dimensions whose posterior mean varies over the images.

        number of dimensions k with Var over x of E_q(z|x)[z_k] > threshold

    Use it to see how much of the code is in use: the rest could be left out. The threshold is in
    units of a standard normal prior; codes under a learned prior have no unit, and it says little.

    "Importance weighted autoencoders" (Burda et al., 2016, section 5.2, arXiv 1509.00519).
    """

    kind: Literal["active_units"] = "active_units"
    threshold: float = Field(default=0.01, gt=0)
    """Variance of the posterior mean above which a dimension counts."""

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, feed: Feed) -> dict[str, Number]:
        """`active_units`."""
        variance = posterior_means(model, feed).var(axis=0)
        count = float((variance > self.threshold).sum())
        estimator = f"variance > {self.threshold:g}"
        return {"active_units": Number(count, f"of {len(variance)}", estimator)}


class NeighboursMetric(BaseMetric):
    """Share of images whose nearest codes among the others are mostly of its class.

    Each image is classified by the majority of its k nearest neighbours in the same split, itself
    left out. Use it to see whether the code keeps the classes apart, whatever shapes they have in
    it.

    "Nearest neighbor pattern classification" (Cover and Hart, 1967, doi 10.1109/TIT.1967.1053964).
    """

    kind: Literal["neighbours"] = "neighbours"
    neighbours: int = Field(default=5, ge=1)
    """k."""

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, feed: Feed) -> dict[str, Number]:
        """`knn{k}_accuracy`, absent where there is one class or too few images."""
        labels = feed.labels.cpu().numpy()
        if len(np.unique(labels)) < 2 or len(labels) <= self.neighbours:
            return {}
        codes = posterior_means(model, feed)
        accuracy = leave_one_out_accuracy(codes, labels, self.neighbours)
        estimator = "leave one out"
        return {f"knn{self.neighbours}_accuracy": Number(accuracy, "share", estimator)}


def leave_one_out_accuracy(
    codes: Float[np.ndarray, "n d"], labels: np.ndarray, neighbours: int
) -> float:
    """Accuracy of classifying each code by its nearest others."""
    from sklearn.neighbors import KNeighborsClassifier  # a second to import, seldom needed

    classifier = KNeighborsClassifier(neighbours).fit(codes, labels)
    nearest = classifier.kneighbors(return_distance=False)  # of the codes fitted, without itself
    votes = labels[nearest]
    classes = np.unique(labels)
    counts = (votes[:, :, None] == classes).sum(1)
    return float((classes[counts.argmax(1)] == labels).mean())


def posterior_means(model: LatentVariableModel, feed: Feed) -> Float[np.ndarray, "n d"]:
    """The mean of every image's posterior.

    Raises:
        BadCombinationError: the model's code is not one vector.
    """
    flat = as_flat(model, "this metric")
    means = [flat.encode(batch.x, batch.context).mean for batch in feed.batches(BATCH)]
    return torch.cat(means).double().cpu().numpy()
