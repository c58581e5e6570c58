"""Rates that are held to something: to a capacity, or to free bits."""

from typing import ClassVar, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from vaelab.models import Terms
from vaelab.objectives.base import BaseObjective, Controls
from vaelab.optim import LinearSchedule, ScheduleConfig


class CapacityConfig(BaseObjective):
    """Distortion plus gamma times the distance of the rate from a capacity that grows.

    The distance is that of the batch's mean rate.
    """

    formula = "loss = E_q[-log p(x|z)] + gamma |KL(q(z|x) || p(z)) - capacity(epoch)|"
    advice = """Use it to say in nats how much a code may hold, and to let one factor after another
        into it. The last weights are kept: a tenth of a nat off the capacity costs as much as ten
        nats of distortion, so that the smallest loss on validation images is that of the epoch
        whose rate comes nearest by chance."""
    references = """
        "Understanding disentangling in beta-VAE" (Burgess et al., 2018, eq. 8, arXiv 1804.03599)"""

    couples: ClassVar[bool] = True
    has_rate_price: ClassVar[bool] = False
    holds_rate: ClassVar[bool] = True
    keeps_last: ClassVar[bool] = True

    kind: Literal["capacity"] = "capacity"
    capacity: ScheduleConfig = LinearSchedule(start=0.0, end=25.0, epochs=10.0)
    """Nats per image that the rate is held to: a number, or a schedule over epochs."""
    gamma: float = Field(default=100.0, gt=0, allow_inf_nan=False)
    """Weight of the distance."""
    samples: int = Field(default=1, ge=1, le=10_000)
    """Posterior samples per image and step."""

    def __call__(self, terms: Terms, controls: Controls) -> Float[Tensor, ""]:
        distance = (terms.rate.mean() - controls["capacity"]).abs()
        return terms.distortion.mean() + self.gamma * distance


class FreeBitsConfig(BaseObjective):
    """The negative ELBO, where each dimension's rate below a threshold is not worth saving.

    The threshold is compared with the batch's mean rate of a dimension; where the rate has no
    parts, all dimensions together are one group with the sum of their nats.
    """

    formula = "loss = E_q[-log p(x|z)] + sum over dimensions k of max(nats, KL_k)"
    advice = "Use it where dimensions fall silent early in training and never come back."
    references = """
        "Improved variational inference with inverse autoregressive flow" (Kingma et al., 2016, eq.
        15, arXiv 1606.04934)"""

    couples: ClassVar[bool] = True

    kind: Literal["free_bits"] = "free_bits"
    nats: float = Field(default=0.25, ge=0, allow_inf_nan=False)
    """Free nats of each dimension."""
    samples: int = Field(default=1, ge=1, le=10_000)
    """Posterior samples per image and step."""

    def __call__(self, terms: Terms, controls: Controls) -> Float[Tensor, ""]:
        loss = terms.distortion.mean()
        for level in terms.levels:
            per_dim = level.kl_per_dim
            if per_dim is None:
                loss = loss + level.kl.mean().clamp(min=self.nats * level.z.shape[-1])
            else:
                loss = loss + per_dim.mean(0).clamp(min=self.nats).sum()
        return loss
