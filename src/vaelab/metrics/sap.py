"""How far one code alone predicts each factor."""

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float

from vaelab.data.feed import Feed
from vaelab.metrics.base import BaseMetric, Number
from vaelab.metrics.codes import posterior_means
from vaelab.metrics.factors import SCORE, Factors, known_factors, mean_gap
from vaelab.models import LatentVariableModel


class SAPMetric(BaseMetric):
    """How much better the best single code predicts a factor than the second best.

    Separated attribute predictability, the mean gap of scores: "Variational inference of
    disentangled latent concepts from unlabeled observations" (Kumar et al., 2018, section 3, arXiv
    1711.00848). A code's score is the R^2 of a line for an ordered factor, and for the class the
    balanced accuracy of thresholds, one fewer than there are classes. Of c classes chance has 1/c
    of that, so the gap of the class is 1 - 1/c at most. Use it where a line has to be enough to
    read a factor off. disentanglement_lib classifies ordered factors too and has other values.
    """

    kind: Literal["sap"] = "sap"

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, feed: Feed) -> dict[str, Number]:
        """`sap`; nothing without factors."""
        factors = known_factors(feed)
        if factors is None:
            return {}
        gap = mean_gap(predictability(posterior_means(model, feed), factors))
        return {"sap": Number(gap, SCORE, "R² or balanced accuracy")}


def predictability(codes: Float[np.ndarray, "n d"], factors: Factors) -> Float[np.ndarray, "d f"]:
    """The score of each code for each factor."""
    columns = zip(factors.values.T, factors.categorical, strict=True)
    scores = [
        _thresholds(codes, v) if categorical else _lines(codes, v) for v, categorical in columns
    ]
    return np.stack(scores, 1)


def _lines(codes: Float[np.ndarray, "n d"], values: np.ndarray) -> Float[np.ndarray, " d"]:
    """Cov(z_j, v)^2 / (Var z_j Var v), 0 for a code that does not vary."""
    codes, values = codes - codes.mean(0), values - values.mean()
    variances = (codes**2).sum(0) * (values**2).sum()
    covariances = (values @ codes) ** 2
    scores = np.zeros(len(variances))
    np.divide(covariances, variances, out=scores, where=variances > 0)
    return scores


def _thresholds(codes: Float[np.ndarray, "n d"], classes: np.ndarray) -> Float[np.ndarray, " d"]:
    from sklearn.metrics import balanced_accuracy_score  # a second to import, seldom needed
    from sklearn.tree import DecisionTreeClassifier

    leaves = len(np.unique(classes))
    scores = []
    for code in codes.T[:, :, None]:
        tree = DecisionTreeClassifier(max_leaf_nodes=leaves, class_weight="balanced")
        scores.append(balanced_accuracy_score(classes, tree.fit(code, classes).predict(code)))
    return np.array(scores)
