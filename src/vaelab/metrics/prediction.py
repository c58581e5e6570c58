"""How well codes predict the factors that made the images: SAP and DCI."""

from math import log
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field

from vaelab.data.loading.evaluation import EvalLoader
from vaelab.metrics.base import BaseMetric, Number
from vaelab.metrics.codes import posterior_means
from vaelab.metrics.information import SCORE, Factors, known_factors, mean_gap
from vaelab.models import LatentVariableModel
from vaelab.randomness import Purpose, derived_seed


class SAPMetric(BaseMetric):
    """How much better the best single code predicts a factor than the second best.

    A code's score is the R^2 of a line for an ordered factor, and for the class the balanced
    accuracy of thresholds, one fewer than there are classes. Of c classes chance has 1/c of that,
    so the gap of the class is 1 - 1/c at most.
    """

    advice = """Use it where a line has to be enough to read a factor off. disentanglement_lib
        classifies ordered factors too and has other values."""
    references = """
        Separated attribute predictability, the mean gap of scores: "Variational inference of
        disentangled latent concepts from unlabeled observations" (Kumar et al., 2018, section 3,
        arXiv 1711.00848)"""

    kind: Literal["sap"] = "sap"

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, loader: EvalLoader) -> dict[str, Number]:
        """`sap`; nothing without factors."""
        factors = known_factors(loader)
        if factors is None:
            return {}
        gap = mean_gap(predictability(posterior_means(model, loader), factors))
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


class DCIMetric(BaseMetric):
    """Whether each code is important for one factor, each factor needs one code, and codes suffice.

    With R_jk the importance of code j to a predictor of factor k, disentanglement is the mean over
    codes of 1 - H(R_j. / sum) / log f, each weighing its importance, completeness the same of
    factors, 1 - H(R_.k / sum) / log d, and informativeness how well the factors are predicted:
    Eastwood and Williams (2018).
    """

    advice = """Use it for all three at once; it sees what is not linear. The predictors are
        scikit-learn's GradientBoostingRegressor, as the paper's are regressors: a tree each round,
        where the boosted classifiers of disentanglement_lib grow one for every value of a factor.
        Importance is the squared error that splits on a code take away. The class is predicted as
        one 0-or-1 number for each class."""
    references = """
        "A framework for the quantitative evaluation of disentangled representations" (Eastwood and
        Williams, 2018, section 2)"""

    kind: Literal["dci"] = "dci"
    images: int = Field(default=4_000, ge=10, le=1_000_000)
    """Images taken of a larger split, at random."""
    seed: int = Field(default=0, ge=0)
    """Seed of the choice of images, and of the third of them that is predicted."""

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, loader: EvalLoader) -> dict[str, Number]:
        """`dci_disentanglement`, `dci_completeness` and `dci_informativeness`.

        Nothing without factors, or with fewer than 10 images.
        """
        draws = np.random.default_rng(derived_seed(self.seed, Purpose.DCI))
        chosen = draws.permutation(len(loader))[: self.images]
        factors = known_factors(loader, chosen)
        if factors is None or len(chosen) < 10:
            return {}
        importance, explained = predict(posterior_means(model, loader)[chosen], factors)
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
