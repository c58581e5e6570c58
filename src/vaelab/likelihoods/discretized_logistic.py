"""A logistic density summed over each grey level."""

from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.distributions.constraints import Constraint
from torch.nn.functional import logsigmoid, softplus

from vaelab.data.pixels import Domain
from vaelab.likelihoods.base import BaseLikelihood, Likelihood, Measure

WHITE = 255
START = 32.0


class GreyLevels(Distribution):
    """P(v) = F(v + 1/2) - F(v - 1/2) of a logistic F, the tails added to black and white.

    Args:
        loc: of the logistic, in levels, `(..., c, h, w)`.
        scale: one number, in levels.
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {}

    def __init__(self, loc: Float[Tensor, "... c h w"], scale: Float[Tensor, ""]) -> None:
        super().__init__(loc.shape[:-3], loc.shape[-3:], validate_args=False)
        self.loc, self.scale = loc, scale

    def log_prob(self, value: Float[Tensor, "... c h w"]) -> Float[Tensor, "..."]:
        """Log P of images whose pixels are 0 to 255, nats."""
        above = (value + 0.5 - self.loc) / self.scale
        below = (value - 0.5 - self.loc) / self.scale
        # F(a) - F(b) = F(a) F(-b) (1 - e^(b - a)),  and a - b = 1 / scale
        width = torch.log(-torch.expm1(-1 / self.scale))
        inside = logsigmoid(above) + logsigmoid(-below) + width
        black, white = logsigmoid(above), logsigmoid(-below)
        log_p = torch.where(value <= 0, black, torch.where(value >= WHITE, white, inside))
        return log_p.flatten(-3).sum(-1)

    @property
    def mean(self) -> Tensor:
        """E[v] = sum over k of P(v > k), as an integral: off by half a level at most."""
        # sum_k F((loc - k - 1/2) / s) = integral over [0, 255] of F((loc - t) / s) dt
        wide = softplus(self.loc / self.scale) - softplus((self.loc - WHITE) / self.scale)
        return self.scale * wide

    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draws from torch's global generator."""
        uniform = torch.rand(torch.Size(sample_shape) + self.loc.shape).to(self.loc)
        drawn = self.loc + self.scale * torch.logit(uniform, eps=1e-6)
        return drawn.round().clamp(0, WHITE)


class DiscretizedLogistic(Likelihood):
    """P(v) of each grey level: the decoder's output times 255 is the logistic's location.

    Args:
        floor: of the learned scale, in levels: scale = floor + exp(log_excess).
    """

    parameter_names = ("loc",)

    def __init__(self, floor: float) -> None:
        super().__init__()
        self.floor = floor
        self.log_excess = nn.Parameter(torch.tensor(START).log())

    @property
    def scale(self) -> Float[Tensor, ""]:
        """The scale in levels."""
        return self.floor + self.log_excess.exp()

    def forward(self, params: Float[Tensor, "... c h w"]) -> Distribution:
        """The distribution around 255 `params`."""
        return GreyLevels(WHITE * params, self.scale)


class DiscretizedLogisticConfig(BaseLikelihood):
    """A logistic density summed over each of the 256 grey levels, with one learned scale.

        P(v|z) = F((v + 1/2 - loc(z)) / scale) - F((v - 1/2 - loc(z)) / scale),  F = sigmoid

    The tails belong to black and white. Use it for photographs and for bits per dimension: it is a
    probability of the levels themselves, so that models of them can be compared.

    "Improved variational inference with inverse autoregressive flow" (Kingma et al., 2016, appendix
    C.1, arXiv 1606.04934).
    """

    domains: ClassVar[frozenset[Domain]] = frozenset({Domain.LEVELS})
    measure: ClassVar[Measure] = "counting"
    remedy: ClassVar[str] = "use `pixels: levels`"

    kind: Literal["discretized_logistic"] = "discretized_logistic"
    floor: float = Field(default=0.1, gt=0, allow_inf_nan=False)
    """The learned scale stays above this, in levels."""

    def build(self, domain: Domain) -> DiscretizedLogistic:
        """The module."""
        return DiscretizedLogistic(self.floor)
