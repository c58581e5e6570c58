"""Normal posteriors."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal
from torch.nn.functional import softplus

from vaelab.distributions.family import BasePosterior, Family

LOG_VARIANCE_BOUND = 20.0
SMALLEST_SCALE = 1e-6

ScaleMode = Literal["log_variance", "abs"]


class DiagonalNormalConfig(BasePosterior):
    """A normal distribution with a scale of its own in each dimension, all independent.

        q(z|x) = N(z; loc(x), diag(scale(x)^2))

    Use it first: it is cheap, and against a normal prior the rate has a closed form, dimension by
    dimension. Where dimensions are correlated given the image, it cannot say so.

    "Auto-encoding variational Bayes" (Kingma and Welling, 2014, section 3, arXiv 1312.6114).
    """

    kind: Literal["diagonal_normal"] = "diagonal_normal"
    scale: ScaleMode = "log_variance"
    """The network's output is log scale^2, or it is the scale up to its sign (`abs`)."""

    def build(self, latent: int) -> "DiagonalNormal":
        """The family."""
        return DiagonalNormal(self.scale)


class DiagonalNormal(Family):
    """N(loc, diag(scale^2)) from `(..., 2 d)` parameters: the locations, then the scales.

    Args:
        mode: `log_variance`: scale = exp(v / 2), v softly bounded to +-20; `abs`: scale = |s|.
    """

    def __init__(self, mode: ScaleMode) -> None:
        super().__init__()
        self.mode = mode
        self.parameter_names = ("loc", "log_variance" if mode == "log_variance" else "scale")

    def forward(self, params: Float[Tensor, "..."]) -> Distribution:
        """The distribution with event shape `(d,)`."""
        loc, spread = params.chunk(2, dim=-1)
        if self.mode == "log_variance":
            scale = torch.exp(0.5 * soft_bound(spread, LOG_VARIANCE_BOUND))
        else:
            scale = spread.abs() + SMALLEST_SCALE
        # q(z|x) = N(loc, diag scale^2)
        return Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)


def soft_bound(value: Float[Tensor, "..."], bound: float) -> Float[Tensor, "..."]:
    """A smooth monotone map onto (-bound, bound) that leaves values well inside unchanged.

    Off by less than exp(-|bound - |value||), so 3e-7 at a distance of 15; in float32, whose steps
    next to a bound of 20 are 2e-6, by 1e-6.
    """
    below = bound - softplus(bound - value)
    return softplus(below + bound) - bound
