"""Which codes a good predictor of the factors looks at."""

from math import log
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field

from vaelab.data.feed import Feed
from vaelab.metrics.base import BaseMetric, Number
from vaelab.metrics.codes import posterior_means
from vaelab.metrics.factors import SCORE, Factors, known_factors
from vaelab.models import LatentVariableModel
from vaelab.randomness import Purpose, derived_seed


class DCIMetric(BaseMetric):
    """Whether each code is important for one factor, each factor needs one code, and codes suffice.

    With R_jk the importance of code j to a predictor of factor k, disentanglement is the mean over
    codes of 1 - H(R_j. / sum) / log f, each weighing its importance, completeness the same of
    factors, 1 - H(R_.k / sum) / log d, and informativeness how well the factors are predicted: "A
    framework for the quantitative evaluation of disentangled representations" (Eastwood and
    Williams, 2018, section 2). Use it for all three at once; it sees what is not linear. The
    predictors are scikit-learn's GradientBoostingRegressor, as the paper's are regressors: a tree
    each round, where the boosted classifiers of disentanglement_lib grow one for every value of a
    factor. Importance is the squared error that splits on a code take away. The class is
    predicted as one 0-or-1 number for each class.
    """

    kind: Literal["dci"] = "dci"
    images: int = Field(default=4_000, ge=10, le=1_000_000)
    """Of a larger split this many are taken at random."""
    seed: int = Field(default=0, ge=0)
    """Of the choice of images, and of the third of them that is predicted."""

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, feed: Feed) -> dict[str, Number]:
        """`dci_disentanglement`, `dci_completeness` and `dci_informativeness`.

        Nothing without factors, or with fewer than 10 images.
        """
        draws = np.random.default_rng(derived_seed(self.seed, Purpose.EVALUATION, 6))
        chosen = draws.permutation(len(feed))[: self.images]
        factors = known_factors(feed, chosen)
        if factors is None or len(chosen) < 10:
            return {}
        importance, explained = predict(posterior_means(model, feed)[chosen], factors)
        trees = f"boosted trees, {len(chosen):,} images"
        return {
            "dci_disentanglement": Number(concentration(importance), SCORE, trees),
            "dci_completeness": Number(concentration(importance.T), SCORE, trees),
            "dci_informativeness": Number(explained, SCORE, f"R² of {trees}"),
        }


def concentration(importance: Float[np.ndarray, "a b"]) -> float:
    """1 - H(row / sum) / log b, the mean over rows that weigh their sums; 0 if all are 0."""
    weights = importance.sum(1)
    rows, weights = importance[weights > 0], weights[weights > 0]
    if not len(rows):
        return 0.0
    shares = rows / weights[:, None]
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    entropies = -(shares * logs).sum(1)
    return float(weights @ (1 - entropies / log(max(2, importance.shape[1]))) / weights.sum())


def predict(
    codes: Float[np.ndarray, "n d"], factors: Factors
) -> tuple[Float[np.ndarray, "d f"], float]:
    """The importance of each code for each factor, and the mean R^2 on the last third of images.

    An R^2 below 0, worse than the mean, counts 0.
    """
    from sklearn.ensemble import GradientBoostingRegressor  # a second to import, seldom needed

    seen = len(codes) - len(codes) // 3
    importance = np.zeros((codes.shape[1], factors.values.shape[1]))
    explained = []
    for k, (column, categorical) in enumerate(
        zip(factors.values.T, factors.categorical, strict=True)
    ):
        targets = (column == np.unique(column)[:, None]) if categorical else column[None]
        errors, total = 0.0, 0.0
        for target in targets.astype(float):
            trees = GradientBoostingRegressor(random_state=0).fit(codes[:seen], target[:seen])
            importance[:, k] += trees.feature_importances_ / len(targets)
            errors += np.square(target[seen:] - trees.predict(codes[seen:])).sum()
            total += np.square(target[seen:] - target[:seen].mean()).sum()
        explained.append(max(0.0, 1 - errors / total) if total else 0.0)
    return importance, float(np.mean(explained))
