"""A Bernoulli model of black-and-white draws, measured as a density of grey pixels."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import ContinuousBernoulli, Distribution, Independent

from vaelab.data import UnitPixels
from vaelab.data.feed import Feed
from vaelab.distributions import Family
from vaelab.errors import BadCombinationError
from vaelab.metrics import BoundMetric, Number
from vaelab.models import VAE
from vaelab.run import Run

AS_IT_IS, MAPPED = "elbo_as_continuous_nats", "elbo_mapped_nats"
STEPS = 50
"""Of bisection: the logit is then right to 1e-14."""
LARGEST = 15.94
"""The logit of 1 less float32's smallest step: where PyTorch's density, like the published one,
cuts its parameter off. Means nearer to 0 or 1 than 0.063 are not reached."""


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
        return Independent(ContinuousBernoulli(logits=logits, validate_args=False), 3)


def logits_of_mean(mean: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The logits of the continuous Bernoullis that have these means, as far as they reach."""
    wanted = mean.double()
    low, high = torch.full_like(wanted, -LARGEST), torch.full_like(wanted, LARGEST)
    for _ in range(STEPS):
        middle = (low + high) / 2
        below = mean_of_logits(middle) < wanted
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return ((low + high) / 2).to(mean.dtype)


def mean_of_logits(logits: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """1 / (1 - exp(-l)) - 1 / l; near 0 by its series, 1/2 + l / 12."""
    near = logits.abs() < 1e-4
    safe = torch.where(near, torch.ones_like(logits), logits)
    return torch.where(near, 0.5 + logits / 12, -1 / torch.expm1(-safe) - 1 / safe)


def measure_as_continuous(run: Run) -> dict[str, Number]:
    """The ELBO on the grey test images with the model's Bernoulli taken for a continuous one.

    Raises:
        BadCombinationError: the run's model is no VAE with a Bernoulli.
    """
    model = run.load_model()[0]
    if not isinstance(model, VAE) or run.experiment.model.likelihood.kind != "bernoulli":
        raise BadCombinationError(f"{run.path} is no VAE with `likelihood: {{kind: bernoulli}}`")
    feed = Feed(run.experiment.data.load().test, UnitPixels(), model.classes)
    numbers = {}
    for name, mapped in ((AS_IT_IS, False), (MAPPED, True)):
        model.decoder.family = AsContinuous(mapped)
        numbers[name] = BoundMetric()(model, feed)["elbo_nats"]
    return numbers
