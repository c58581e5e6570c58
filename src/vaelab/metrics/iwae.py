"""The importance weighted estimate of the log-likelihood."""

import re
from math import log
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from vaelab.data.feed import Batch, Feed
from vaelab.metrics.base import PerImage, PerImageMetric
from vaelab.models import LatentVariableModel
from vaelab.randomness import Purpose, generator

DECODED_AT_ONCE = 5_000
NLL = re.compile(r"nll_iwae(\d{1,9})_nats")
"""Name of the estimate; in the group K."""


class IWAEMetric(PerImageMetric):
    """An upper bound on -log p(x) by importance sampling, K posterior samples per image.

        NLL_K = -log 1/K sum over k of p(x, z_k) / q(z_k|x),  z_k ~ q(z|x)

    Use it for the number to report and to compare models by, with K = 5,000 where the published
    tables have that.

    "Importance weighted autoencoders" (Burda et al., 2016, eq. 8, arXiv 1509.00519). It falls
    towards -log p(x) as K grows, so its K is part of its name. With it goes the effective sample
    size (sum w)^2 / sum w^2, from 1 to K: "A note on importance sampling using standardized
    weights" (Kong, 1992). Where it stays near 1 one sample outweighs the others, and the bound is
    loose. In float32, log w near -15,000 has steps of 0.001, and the size is off by up to 0.2 of
    100. A posterior that is certain (`vq`) has one code whatever K is: the bound is minus the ELBO,
    and there is no such size.
    """

    needs_flat: ClassVar[bool] = False

    kind: Literal["iwae"] = "iwae"
    samples: int = Field(default=100, ge=1)
    """K."""
    seed: int = Field(default=0, ge=0)
    """Of the samples."""

    @torch.no_grad()
    def per_image(self, model: LatentVariableModel, feed: Feed) -> dict[str, PerImage]:
        """`nll_iwae{K}_nats` and `ess_iwae{K}`; of certain codes no effective sample size."""
        draws = generator(self.seed, Purpose.EVALUATION, 1, feed.device)
        size = max(1, DECODED_AT_ONCE // self.samples)
        values, effective = zip(
            *(importance_sampled(model, b, self.samples, draws) for b in feed.batches(size)),
            strict=True,
        )
        estimator = f"{self.samples} samples per image"
        name = f"nll_iwae{self.samples}_nats"
        if model.certain:
            return {name: PerImage(-torch.cat(values), "nats", "1 code, which is certain")}
        unit = f"of {self.samples}"
        return {
            name: PerImage(-torch.cat(values), "nats", estimator),
            f"ess_iwae{self.samples}": PerImage(torch.cat(effective), unit, "(Σw)² / Σw²"),
        }


def importance_sampled(
    model: LatentVariableModel, batch: Batch, samples: int, draws: torch.Generator
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """Log 1/K sum w and (sum w)^2 / sum w^2 of each image.

    Computed in parts of K where all at once would not fit.
    """
    sums, squares = [], []
    for first in range(0, samples, DECODED_AT_ONCE):
        count = min(DECODED_AT_ONCE, samples - first)
        noise = torch.randn(
            (count, len(batch.x), *model.latent_shape),
            generator=draws, device=batch.x.device, dtype=batch.x.dtype,
        )  # fmt: skip
        log_weights = model.terms(batch.x, batch.context, noise=noise).log_weights
        sums.append(torch.logsumexp(log_weights, 0))
        squares.append(torch.logsumexp(2 * log_weights, 0))
    log_sum = torch.logsumexp(torch.stack(sums), 0)
    log_square = torch.logsumexp(torch.stack(squares), 0)
    return log_sum - log(samples), (2 * log_sum - log_square).exp()
