"""Decoding the mean of the posterior, and calling it an ELBO."""

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from vaelab.data.feed import Batch
from vaelab.metrics import BoundMetric, Number
from vaelab.models import VAE
from vaelab.randomness import Purpose, generator
from vaelab.traps.base import COLUMNS, BaseMeasure, Sheet, Shown, Trained

BATCH = 500
GREY, CONTRAST = 128, 2
"""How differences are drawn: none is the middle grey."""


@torch.no_grad()
def elbo_at_the_mean(model: VAE, batch: Batch) -> Float[Tensor, " b"]:
    """Log p(x | E_q[z]) - KL(q(z|x) || p(z)), nats: no bound, for no sample was decoded.

    By Jensen's inequality it is above the ELBO where log p(x|z) is concave in z.
    """
    mean = model.encode(batch.x, batch.context).mean
    noise = torch.zeros(1, *mean.shape)
    rate = model.terms(batch.x, batch.context, noise=noise).rate
    return model.decode(mean, batch.context).log_prob(batch.x) - rate


class MeanCodeMeasure(BaseMeasure):
    """The same weights: what the posterior's mean gives, and what its samples give."""

    kind: Literal["mean_code"] = "mean_code"
    samples: int = Field(default=50, ge=1)
    """Posterior samples per image of the right number."""

    def __call__(self, wrong: Trained, right: Trained) -> tuple[Shown, Shown]:
        """Both in nats per image, and what is decoded for each."""
        feed = wrong.feed(wrong.store.valid)
        values = torch.cat([elbo_at_the_mean(wrong.model, batch) for batch in feed.batches(BATCH)])
        number = Number.mean(values, "nats", "posterior mean decoded")
        elbo = BoundMetric(samples=self.samples)(right.model, feed)["elbo_nats"]
        return (
            Shown("elbo_at_the_mean_nats", number, _decoded(wrong, 0)),
            Shown("elbo_nats", elbo, _decoded(right, 1)),
        )


def _decoded(trained: Trained, spread: float) -> Sheet:
    """Images, what is decoded of loc + spread * scale * noise, and how far it is off the mean."""
    subject = trained.subject()
    some = trained.store.valid.select(np.arange(COLUMNS))
    codes = subject.encode(some)
    noise = torch.randn(codes.loc.shape, generator=generator(0, Purpose.FIGURES)).numpy()
    decoded = subject.decode(codes.loc + spread * codes.scale * noise, codes.labels)
    change = decoded.astype(int) - subject.decode(codes.loc, codes.labels)
    shown = (GREY + CONTRAST * change).clip(0, 255).astype(np.uint8)
    rows = (("images", subject.originals(some)), ("decoded", decoded), ("− mean", shown))
    return Sheet(rows)
