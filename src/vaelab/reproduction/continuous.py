"""A Bernoulli model of black-and-white draws, measured as a density of grey pixels."""

from math import log

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
STEPS = 50
"""Of bisection: the logit is then right to 1e-14."""
LIMIT = 1e-4
"""Of the published program (github.com/cunningham-lab/cb_and_cc): p is kept this far from 0 and 1.
Means nearer to 0 or 1 than 0.108 are not reached."""
BOUND = log((1 - LIMIT) / LIMIT)


class AsContinuous(Family):
    """A continuous Bernoulli from a Bernoulli's logits, taken as they are or mapped.

    Args:
        mapped: the logits are changed so that its mean is the Bernoulli's probability: "The
            continuous Bernoulli" (Loaiza-Ganem and Cunningham, 2019, section 5, arXiv 1907.06845).
    """

    parameter_names = ("logits",)

    def __init__(self, mapped: bool) -> None:
        super().__init__()
        self.mapped = mapped

    def forward(self, params: Float[Tensor, "... c h w"]) -> Distribution:
        """The density of grey images."""
        logits = logits_of_mean(params.sigmoid()) if self.mapped else params
        return Independent(ContinuousBernoulli(logits, BOUND), 3, validate_args=False)


def logits_of_mean(mean: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The logits of the continuous Bernoullis that have these means, as far as they reach."""
    wanted = mean.double()
    low, high = torch.full_like(wanted, -BOUND), torch.full_like(wanted, BOUND)
    for _ in range(STEPS):
        middle = (low + high) / 2
        below = ContinuousBernoulli(middle).mean < wanted
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return ((low + high) / 2).to(mean.dtype)


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
