"""A distance between the aggregate posterior and the prior in place of the rate."""

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from vaelab.models import Terms
from vaelab.objectives.base import BaseObjective, Controls
from vaelab.schedules import ConstantSchedule, ScheduleConfig


class InfoConfig(BaseObjective):
    """Distortion, as much of the rate as one likes, and the maximum mean discrepancy of the codes.

        loss = E_q[-log p(x|z)] + beta KL(q(z|x) || p(z)) + weight MMD^2(q(z), p(z))

    The discrepancy between the batch's codes and N(0, I) is unbiased, in Gaussian kernels of
    several widths, and the prior's part of it is computed exactly. Use it where each code may be as
    sharp as it likes, and only all of them together should look like the prior; its ELBO is poor,
    as it does not aim at it. The weight multiplies the noise of a batch's discrepancy too: a weight
    for MNIST's 784 pixels silences the code of digits of 64, which 30 does not.

    With a beta of 1 - alpha: "InfoVAE" (Zhao et al., 2019, eq. 6, arXiv 1706.02262); with beta 0:
    "Wasserstein auto-encoders" (Tolstikhin et al., 2018, algorithm 2, arXiv 1711.01558).
    """

    models: ClassVar[frozenset[str] | None] = frozenset({"vae"})
    priors: ClassVar[frozenset[str] | None] = frozenset({"standard_normal"})
    couples: ClassVar[bool] = True

    kind: Literal["info"] = "info"
    beta: ScheduleConfig = ConstantSchedule(value=0.0)
    """Weight of the rate: a number, or a schedule over epochs; 0: none."""
    weight: float = Field(default=1000.0, ge=0, allow_inf_nan=False)
    """Of the squared discrepancy, in nats."""

    def rate_price(self, controls: Mapping[str, float]) -> None:
        """None: the discrepancy of all codes from the prior is what is priced."""

    def __call__(self, terms: Terms, controls: Controls) -> Float[Tensor, ""]:
        """Distortion + beta rate + weight MMD^2(q(z), p(z))."""
        loss = (terms.distortion + controls["beta"] * terms.rate).mean()
        for level in terms.levels:
            loss = loss + self.weight * squared_discrepancy(level.z[0])
        return loss


def squared_discrepancy(z: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
    """MMD^2 between samples and N(0, I), unbiased, so it may fall below 0.

    k(a, b) = mean over h^2 in d/2, d, 2 d of exp(-|a - b|^2 / (2 h^2)): "A kernel two-sample test"
    (Gretton et al., 2012, eq. 3). Against a normal, E k is known: the convolution of two normals.

    Args:
        z: at least two samples.
    """
    count, d = z.shape
    total = z.new_zeros(())
    square = z.square().sum(-1)
    distances = (square[:, None] + square - 2 * z @ z.T).clamp(min=0)
    others = ~torch.eye(count, dtype=torch.bool, device=z.device)
    for width in (d / 2, float(d), 2.0 * d):  # h^2
        within = (torch.exp(-distances / (2 * width)) * others).sum() / (count * (count - 1))
        across = (width / (width + 1)) ** (d / 2) * torch.exp(-square / (2 * (width + 1))).mean()
        prior = (width / (width + 2)) ** (d / 2)
        total = total + within - 2 * across + prior
    return total / 3
