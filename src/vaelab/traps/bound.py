"""A trap that is a config: each side is measured rightly."""

from typing import Literal

from vaelab.metrics import BoundMetric
from vaelab.traps.base import BaseMeasure, Shown, Trained, reconstructions


class BoundMeasure(BaseMeasure):
    """A number of the bound on the validation images of each side."""

    kind: Literal["bound"] = "bound"
    number: Literal["distortion_nats", "rate_nats", "elbo_nats"] = "elbo_nats"
    """Which."""

    def __call__(self, wrong: Trained, right: Trained) -> tuple[Shown, Shown]:
        """The same estimator for both, and their reconstructions."""
        return self._shown(wrong), self._shown(right)

    def _shown(self, trained: Trained) -> Shown:
        numbers = BoundMetric(samples=10)(trained.model, trained.feed(trained.store.valid))
        return Shown(self.number, numbers[self.number], reconstructions(trained.subject()))
