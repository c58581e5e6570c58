"""The importance weighted estimate of the log-likelihood."""

from math import log
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from vaelab.data.feed import Batch, Feed
from vaelab.metrics.base import BaseMetric, Number
from vaelab.models import LatentVariableModel
from vaelab.randomness import Purpose, generator

DECODED_AT_ONCE = 5_000


class IWAEMetric(BaseMetric):
    """An upper bound on -log p(x) by importance sampling, K posterior samples per image.

        NLL_K = -log 1/K sum over k of p(x, z_k) / q(z_k|x),  z_k ~ q(z|x)

    Use it for the number to report and to compare models by, with K = 5,000 where the published
    tables have that.

    "Importance weighted autoencoders" (Burda et al., 2016, eq. 8, arXiv 1509.00519). It falls
    towards -log p(x) as K grows, so its K is part of its name.
    """

    needs_flat: ClassVar[bool] = False

    kind: Literal["iwae"] = "iwae"
    samples: int = Field(default=100, ge=1)
    """K."""
    seed: int = Field(default=0, ge=0)
    """Of the samples."""

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, feed: Feed) -> dict[str, Number]:
        """`nll_iwae{K}_nats` with its standard error over images."""
        draws = generator(self.seed, Purpose.EVALUATION, 1, feed.images.device)
        size = max(1, DECODED_AT_ONCE // self.samples)
        values = [self._log_mean(model, batch, draws) for batch in feed.batches(size)]
        estimator = f"{self.samples} samples per image"
        name = f"nll_iwae{self.samples}_nats"
        return {name: Number.mean(-torch.cat(values), "nats", estimator)}

    def _log_mean(
        self, model: LatentVariableModel, batch: Batch, draws: torch.Generator
    ) -> Float[Tensor, " b"]:
        """Log 1/K sum w for each image, in parts of K where all at once would not fit."""
        parts = []
        for first in range(0, self.samples, DECODED_AT_ONCE):
            samples = min(DECODED_AT_ONCE, self.samples - first)
            noise = torch.randn(
                (samples, len(batch.x), *model.latent_shape),
                generator=draws, device=batch.x.device, dtype=batch.x.dtype,
            )  # fmt: skip
            weights = model.terms(batch.x, batch.context, noise=noise).log_weights
            parts.append(torch.logsumexp(weights, 0))
        return torch.logsumexp(torch.stack(parts), 0) - log(self.samples)
