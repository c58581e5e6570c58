"""Whether each code tells of one factor only."""

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field

from vaelab.data.feed import Feed
from vaelab.metrics.base import BaseMetric, Number
from vaelab.metrics.codes import posterior_means
from vaelab.metrics.factors import SCORE, binned_information, known_factors
from vaelab.models import LatentVariableModel


class ModularityMetric(BaseMetric):
    """How far each code tells of a single factor.

    1 - sum over k != m of I(z_j; v_k)^2 / (I(z_j; v_m)^2 (f - 1)), m the factor it tells most of,
    averaged over codes: "Learning deep disentangled embeddings with the F-statistic loss"
    (Ridgeway and Mozer, 2018, arXiv 1802.05312). Use it beside a score of
    completeness: a factor may be spread over many modular codes. A code that tells of nothing
    counts too, at what its noise makes of it, so it says little where `active_units` is low.
    """

    kind: Literal["modularity"] = "modularity"
    bins: int = Field(default=20, ge=2, le=1000)
    """Of equal width, over the range of each code's mean."""

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, feed: Feed) -> dict[str, Number]:
        """`modularity`; nothing without factors."""
        factors = known_factors(feed)
        if factors is None:
            return {}
        information = binned_information(posterior_means(model, feed), factors, self.bins)
        return {"modularity": Number(modularity(information), SCORE, f"means in {self.bins} bins")}


def modularity(information: Float[np.ndarray, "d f"]) -> float:
    """The mean over codes; one without any information counts 0, of a single factor 1 otherwise."""
    squares = information**2
    best = squares.max(1)
    others = (squares.sum(1) - best) / max(1, information.shape[1] - 1)
    return float(np.where(best > 0, 1 - others / np.where(best > 0, best, 1), 0).mean())
