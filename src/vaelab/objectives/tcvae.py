"""A rate taken apart, with a weight for each part."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from vaelab.distributions import log_aggregate
from vaelab.models import Level, Terms
from vaelab.objectives.base import BaseObjective, Controls
from vaelab.schedules import ConstantSchedule, ScheduleConfig


class TCVAEConfig(BaseObjective):
    """The negative ELBO with beta on the total correlation of the aggregate posterior alone.

        loss = E_q[-log p(x|z)] + alpha I(x; z) + beta KL(q(z) || prod q(z_k))
               + gamma sum over k of KL(q(z_k) || p(z_k))

    q(z) is estimated from the batch (the paper's minibatch weighted sampling, eq. 3): biased, the
    parts more than their sum, and so never to be reported as the total correlation. Use it to
    disentangle at less distortion than a large beta in `elbo` costs, since what the code tells of
    the image is not charged more; batches should be large.

    "Isolating sources of disentanglement in VAEs" (Chen et al., 2018, eq. 2 and 4, arXiv
    1802.04942).
    """

    models: ClassVar[frozenset[str] | None] = frozenset({"vae"})
    posteriors: ClassVar[frozenset[str] | None] = frozenset({"diagonal_normal"})
    couples: ClassVar[bool] = True

    kind: Literal["tcvae"] = "tcvae"
    alpha: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    """Weight of the index-code mutual information."""
    beta: ScheduleConfig = ConstantSchedule(value=6.0)
    """Weight of the total correlation: a number, or a schedule over epochs."""
    gamma: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    """Weight of the dimension-wise KL."""

    def rate_price(self, controls: Mapping[str, float]) -> None:
        """None: its three parts have weights of their own."""

    def __call__(self, terms: Terms, controls: Controls) -> Float[Tensor, ""]:
        """Distortion + alpha MI + beta TC + gamma dimension-wise KL."""
        loss = terms.distortion.mean()
        for level in terms.levels:
            log_aggregate, log_product = log_aggregate_posterior(level, controls["images"])
            information = (level.log_q[0] - log_aggregate).mean()
            correlation = (log_aggregate - log_product).mean()
            dimensions = (log_product - level.log_p[0]).mean()
            loss = loss + self.alpha * information + self.gamma * dimensions
            loss = loss + controls["beta"] * correlation
        return loss


def log_aggregate_posterior(
    level: Level, images: Float[Tensor, ""]
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """Log q(z) and sum over k of log q(z_k) at each first sample, estimated from the batch; nats.

    Args:
        level: with a posterior whose dimensions are independent.
        images: N, how many there are in the data set.
    """
    # q(z_i) = 1 / (N M) sum_j q(z_i | x_j) over the M images of the batch
    joint, product = log_aggregate(level.posterior, level.z[0])
    return joint - images.log(), product - level.z.shape[-1] * images.log()
