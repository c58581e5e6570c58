"""A rate that is held to a capacity."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from vaelab.models import Terms
from vaelab.objectives.base import BaseObjective, Controls
from vaelab.schedules import LinearSchedule, ScheduleConfig


class CapacityConfig(BaseObjective):
    """Distortion plus gamma times the distance of the rate from a capacity that grows.

        loss = E_q[-log p(x|z)] + gamma |KL(q(z|x) || p(z)) - capacity(epoch)|

    The distance is that of the batch's mean rate. Use it to say in nats how much a code may hold,
    and to let one factor after another into it. The last weights are kept: a tenth of a nat off the
    capacity costs as much as ten nats of distortion, so that the smallest loss on validation images
    is that of the epoch whose rate comes nearest by chance.

    "Understanding disentangling in beta-VAE" (Burgess et al., 2018, eq. 8, arXiv 1804.03599).
    """

    couples: ClassVar[bool] = True
    holds_rate: ClassVar[bool] = True
    keeps_last: ClassVar[bool] = True

    kind: Literal["capacity"] = "capacity"
    capacity: ScheduleConfig = LinearSchedule(start=0.0, end=25.0, epochs=10.0)
    """Nats per image that the rate is held to: a number, or a schedule over epochs."""
    gamma: float = Field(default=100.0, gt=0, allow_inf_nan=False)
    """Weight of the distance."""
    samples: int = Field(default=1, ge=1, le=10_000)
    """Posterior samples per image and step."""

    @property
    def num_samples(self) -> int:
        """`samples`."""
        return self.samples

    def rate_price(self, controls: Mapping[str, float]) -> None:
        """None: the rate is held to the capacity, whatever it costs."""

    def __call__(self, terms: Terms, controls: Controls) -> Float[Tensor, ""]:
        """Distortion + gamma |rate - capacity|, of the batch's means."""
        distance = (terms.rate.mean() - controls["capacity"]).abs()
        return terms.distortion.mean() + self.gamma * distance
