"""How much of the class a linear classifier reads off the code."""

from typing import Literal

import torch
from pydantic import Field

from vaelab.data.feed import Feed
from vaelab.metrics.base import BaseMetric, Number
from vaelab.metrics.codes import posterior_means
from vaelab.models import LatentVariableModel


class LinearProbeMetric(BaseMetric):
    """Share of images whose class a linear classifier of the posterior mean gets right.

    p(class | x) = softmax(W mean(x) + b), fitted with scikit-learn's logistic regression on
    standardised means, so that no dimension counts for its scale. Each image is classified by a
    probe of the other folds of the same split, its own left out. "Understanding intermediate
    layers using linear classifier probes" (Alain and Bengio, 2017, arXiv 1610.01644). Use it to
    see whether the classes are apart in straight directions of the code; `neighbours` also sees
    them where they are bent.
    """

    kind: Literal["linear_probe"] = "linear_probe"
    folds: int = Field(default=5, ge=2)
    """Parts that the split is divided into."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Of the division."""

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, feed: Feed) -> dict[str, Number]:
        """`linear_probe_accuracy`, absent where a class has fewer images than there are folds."""
        labels = feed.labels.cpu()
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
        right = cross_val_predict(probe, posterior_means(model, feed), truth, cv=folds) == truth
        estimator = f"{self.folds} folds of these images"
        return {"linear_probe_accuracy": Number(float(right.mean()), "share", estimator)}
