"""The Gaussian scale that the squared errors imply."""

from math import sqrt
from typing import Literal

import torch
from pydantic import Field

from vaelab.data import Domain
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.distributions import rsample
from vaelab.metrics.base import BaseMetric, Number
from vaelab.models import LatentVariableModel, as_flat
from vaelab.randomness import Purpose, generator


class ImpliedScaleMetric(BaseMetric):
    """The Gaussian scale under which the decoder's squared errors would be most likely."""

    formula = "scale^2 = mean over images, pixels and posterior samples of (x - E[x|z])^2"
    advice = """Use it to judge a scale that was set by hand: a likelihood with one much smaller
        than this is nearly a plain autoencoder."""
    references = """
        "Simple and effective VAE training with calibrated decoders" (Rybkin et al., 2021, eq. 4,
        arXiv 2006.13202)"""

    kind: Literal["implied_scale"] = "implied_scale"
    seed: int = Field(default=0, ge=0)
    """Seed of the samples."""

    def suits(self, flat: bool, domain: Domain) -> bool:
        return super().suits(flat, domain) and domain is not Domain.BINARY

    @torch.no_grad()
    def __call__(self, model: LatentVariableModel, loader: EvalLoader) -> dict[str, Number]:
        """`mse_per_pixel` and `implied_gaussian_scale`, in units of the pixels' domain."""
        flat = as_flat(model, "this metric")
        draws = generator(self.seed, Purpose.IMPLIED_SCALE, device=loader.device)
        total, values = 0.0, 0
        for batch in loader.batches():
            shape = (1, len(batch.x), flat.latent)
            noise = torch.randn(shape, generator=draws, device=batch.x.device, dtype=batch.x.dtype)
            z = rsample(flat.encode(batch.x, batch.context), noise)
            output = flat.decode(z, batch.context).mean
            total += (batch.x - output[0]).double().square().sum().item()
            values += batch.x.numel()
        mse = total / values
        estimator = "1 sample per image"
        return {
            "mse_per_pixel": Number(mse, "pixel²", estimator),
            "implied_gaussian_scale": Number(sqrt(mse), "pixel", "root of the mse"),
        }
