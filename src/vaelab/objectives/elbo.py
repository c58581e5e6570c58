"""The evidence lower bound, with beta."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from vaelab.models import Terms
from vaelab.objectives.base import BaseObjective, Controls
from vaelab.schedules import ConstantSchedule, ScheduleConfig


class ELBOConfig(BaseObjective):
    """Distortion plus beta times rate: the negative evidence lower bound where beta is 1.

        loss = E_q[-log p(x|z)] + beta KL(q(z|x) || p(z))

    Use it first, with beta 1 where numbers are about log p(x); above 1 it pays for a smaller, more
    regular code with distortion, below 1 the other way round.

    "Auto-encoding variational Bayes" (Kingma and Welling, 2014, eq. 3, arXiv 1312.6114); beta:
    "beta-VAE" (Higgins et al., 2017, eq. 4).
    """

    linear: ClassVar[bool] = True

    kind: Literal["elbo"] = "elbo"
    beta: ScheduleConfig = ConstantSchedule(value=1.0)
    """Weight of the rate: a number, or a schedule over epochs."""
    samples: int = Field(default=1, ge=1, le=10_000)
    """Posterior samples per image and step."""

    @property
    def num_samples(self) -> int:
        """`samples`."""
        return self.samples

    def rate_price(self, controls: Mapping[str, float]) -> float:
        """`beta`."""
        return controls["beta"]

    def __call__(self, terms: Terms, controls: Controls) -> Float[Tensor, ""]:
        """Mean over images of distortion + beta rate, and what the model needs besides."""
        # loss = E_q[-log p(x|z)] + beta KL(q(z|x) || p(z))
        loss = terms.distortion + controls["beta"] * terms.rate
        return (loss if terms.auxiliary is None else loss + terms.auxiliary).mean()
