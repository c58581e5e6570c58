"""What has the gradient of the importance weighted bound, logged in its place."""

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from vaelab.metrics import Number
from vaelab.models import VAE
from vaelab.randomness import Purpose, generator
from vaelab.traps.base import BaseMeasure, Curve, Shown, Trained

COUNTS = (1, 2, 5, 10, 20, 50, 100)
BATCH = 50


def surrogate(log_weights: Float[Tensor, "k b"]) -> Float[Tensor, " b"]:
    """Sum over k of w~_k log w_k with w~ = softmax(log w), nats; its w~ held fixed in training.

    Its gradient is that of log 1/K sum w, its value is not: it is larger by log K minus the
    entropy of w~, by up to log K.
    """
    return (torch.softmax(log_weights, 0) * log_weights).sum(0)


def bound(log_weights: Float[Tensor, "k b"]) -> Float[Tensor, " b"]:
    """Log 1/K sum w, nats."""
    return torch.logsumexp(log_weights, 0) - torch.tensor(len(log_weights)).log()


class SurrogateMeasure(BaseMeasure):
    """The same weights of the same samples: the surrogate, and the bound."""

    kind: Literal["surrogate"] = "surrogate"
    samples: Literal[2, 5, 10, 20, 50, 100] = Field(default=50)
    """K."""

    def __call__(self, wrong: Trained, right: Trained) -> tuple[Shown, Shown]:
        """Both for each K, in nats per image."""
        log_weights = _log_weights(right, max(COUNTS))
        chosen = log_weights[: self.samples]
        estimator = f"{self.samples} samples per image"
        sides = []
        for name, estimate in (("surrogate", surrogate), ("bound", bound)):
            number = Number.mean(estimate(chosen), "nats", estimator)
            values = tuple(estimate(log_weights[:k]).mean().item() for k in COUNTS)
            curve = Curve("K, samples per image", COUNTS, values)
            sides.append(Shown(f"iwae{self.samples}_{name}_nats", number, curve))
        return sides[0], sides[1]


@torch.no_grad()
def _log_weights(trained: Trained, samples: int) -> Float[Tensor, "k n"]:
    model: VAE = trained.model
    draws = generator(0, Purpose.EVALUATION, 8)
    parts = []
    for batch in trained.feed(trained.store.valid).batches(BATCH):
        noise = torch.randn((samples, len(batch.x), model.latent), generator=draws)
        parts.append(model.terms(batch.x, batch.context, noise=noise).log_weights)
    return torch.cat(parts, 1)
