"""A Bernoulli model of black-and-white draws, measured as a density of grey pixels."""

from math import log

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent

from vaelab.data import UnitPixels
from vaelab.data.feed import Feed
from vaelab.distributions import Family
from vaelab.errors import BadCombinationError
from vaelab.likelihoods.continuous_bernoulli import ContinuousBernoulli
from vaelab.metrics import BoundMetric, Number
from vaelab.models import VAE
from vaelab.run import Run

AS_IT_IS, MAPPED = "elbo_as_continuous_nats", "elbo_mapped_nats"
LIMIT = 1e-4
"""Of the published program (github.com/cunningham-lab/cb_and_cc): p is kept so far from 0 and 1."""
BOUND = log((1 - LIMIT) / LIMIT)
KNOTS = np.linspace(0, 1 + LIMIT, 100)
"""Between which the published program interpolates the p that has a mean."""


class AsContinuous(Family):
    """A continuous Bernoulli from a Bernoulli's logits, taken as they are or mapped.

    Args:
        mapped: its mean is to be the Bernoulli's probability: "The continuous Bernoulli"
            (Loaiza-Ganem and Cunningham, 2019, section 5, arXiv 1907.06845).
    """

    parameter_names = ("logits",)

    def __init__(self, mapped: bool) -> None:
        super().__init__()
        self.mapped = mapped

    def forward(self, params: Float[Tensor, "... c h w"]) -> Distribution:
        """The density of grey images."""
        logits = mapped_logits(params.sigmoid()) if self.mapped else params
        return Independent(ContinuousBernoulli(logits, BOUND), 3, validate_args=False)


def mapped_logits(mean: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The logits of p, interpolated by the published program from the mean that p has.

    Below 0.208, the mean at the first knot, its p have larger means: 0.13 for one of 0.01.
    """
    inner = torch.from_numpy(KNOTS[1:-1]).logit()
    means = np.concatenate([[0.0], ContinuousBernoulli(inner).mean.numpy(), KNOTS[-1:]])
    p = np.interp(mean.double().clamp(LIMIT, 1 - LIMIT).numpy(), means, KNOTS)
    return torch.from_numpy(p.clip(LIMIT, 1 - LIMIT)).logit().to(mean.dtype)


def measure_as_continuous(run: Run) -> dict[str, Number]:
    """The ELBO on dequantised test images with the model's Bernoulli taken for a continuous one.

    Raises:
        BadCombinationError: the run's model is no VAE with a Bernoulli.
    """
    model = run.load_model()[0]
    if not isinstance(model, VAE) or run.experiment.model.likelihood.kind != "bernoulli":
        raise BadCombinationError(f"{run.path} is no VAE with `likelihood: {{kind: bernoulli}}`")
    feed = Feed(run.experiment.data.load().test, UnitPixels(dequantised=True), model.classes)
    numbers = {}
    for name, mapped in ((AS_IT_IS, False), (MAPPED, True)):
        model.decoder.family = AsContinuous(mapped)
        numbers[name] = BoundMetric()(model, feed)["elbo_nats"]
    return numbers
