"""The factors that made the images, and what codes in bins tell of them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64

from vaelab.data.feed import Feed

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


def known_factors(feed: Feed, chosen: Int64[np.ndarray, " m"] | None = None) -> Factors | None:
    """The factors of a split, or of some of its images.

    None where they are not known, or none of them differs.
    """
    if feed.factors is None:
        return None
    index = np.arange(len(feed)) if chosen is None else chosen
    values, classes = feed.factors[index], feed.labels.cpu().numpy()[index]
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
