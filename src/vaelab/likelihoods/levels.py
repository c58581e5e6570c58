"""Probabilities of grey levels: one for each, or a logistic density summed over each."""

from math import log
from typing import ClassVar, Literal, cast

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Independent
from torch.nn.functional import logsigmoid, softplus

from vaelab.data.pixels import Domain
from vaelab.likelihoods.base import BaseLikelihood, Likelihood, Measure, Share, impossible_share
from vaelab.networks.layers import Activation

LEVELS = 256


class BinnedLevels(Independent[Categorical]):
    """A categorical distribution over bins of grey levels, those of a bin equally likely."""

    def __init__(self, logits: Float[Tensor, "... c h w bins"]) -> None:
        super().__init__(Categorical(logits=logits, validate_args=False), 3, validate_args=False)
        self._width = LEVELS // logits.shape[-1]

    def log_prob(self, value: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Log P of images whose pixels are 0 to 255, nats."""
        # P(v) = P(bin of v) / levels in a bin
        within = self.log_bins(value).flatten(-3).sum(-1)
        return within - self.event_shape.numel() * log(self._width)

    def log_bins(self, value: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Log P of the bin of each pixel, nats."""
        chosen = torch.div(value, self._width, rounding_mode="floor")
        within: Tensor = self.base_dist.log_prob(chosen)  # type: ignore[no-untyped-call]
        return within

    @property
    def mean(self) -> Tensor:
        """E[v]."""
        bins = self.base_dist.probs.shape[-1]
        middles = self._width * torch.arange(bins) + (self._width - 1) / 2
        return (self.base_dist.probs * middles.to(self.base_dist.probs)).sum(-1)

    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draws from torch's global generator."""
        bins: Tensor = super().sample(torch.Size(sample_shape))
        return self._width * bins.float() + torch.randint(0, self._width, bins.shape).to(bins)


class CategoricalLevels(Likelihood):
    """The decoder gives a logit for each bin of grey levels of each pixel and channel."""

    parameter_names = ("logits",)

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.bins = bins

    def sizes(self, features: int) -> list[int]:
        """[channels * bins]."""
        return [features * self.bins]

    def forward(self, params: Float[Tensor, "... c h w"]) -> Distribution:
        return BinnedLevels(torch.unflatten(params, -3, (-1, self.bins)).movedim(-3, -1))

    def at_limit_share(self, decoded: Distribution, x: Float[Tensor, "b c h w"]) -> Share:
        return impossible_share(cast(BinnedLevels, decoded).log_bins(x), self.bins)


class CategoricalConfig(BaseLikelihood):
    """A probability for each grey level, or for each bin of them, without any assumed shape.

    Fewer bins than 256 are still a distribution of the levels, uniform within a bin.
    """

    formula = "P(v|z) = softmax(logits(z))[bin of v] / levels in a bin"
    advice = """Use it where a pixel may well be one of several levels but none between; the
        decoder's output is `bins` times as large as the image."""
    references = """
        "Pixel recurrent neural networks" (van den Oord et al., 2016, section 3, arXiv
        1601.06759)"""

    domains: ClassVar[frozenset[Domain]] = frozenset({Domain.LEVELS})
    measure: ClassVar[Measure] = "counting"
    remedy: ClassVar[str] = "use `pixels: levels`"
    raw: ClassVar[bool] = True

    kind: Literal["categorical"] = "categorical"
    bins: Literal[2, 4, 8, 16, 32, 64, 128, 256] = 32
    """Number of bins; 256: one for each level."""

    def build(self, domain: Domain) -> CategoricalLevels:
        return CategoricalLevels(self.bins)


WHITE = 255
START = 32.0


class GreyLevels(Distribution):
    """P(v) = F(v + 1/2) - F(v - 1/2) of a logistic F, the tails added to black and white.

    Location and scale are in levels.
    """

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

    One scale is learned, in levels: scale = floor + exp(log_excess).
    """

    parameter_names = ("loc",)

    def __init__(self, floor: float) -> None:
        super().__init__()
        self.floor = floor
        self.log_excess = nn.Parameter(torch.tensor(START).log())

    @property
    def scale(self) -> Float[Tensor, ""]:
        """The scale, in levels."""
        return self.floor + self.log_excess.exp()

    def shared_scale(self) -> Float[Tensor, ""]:
        return self.scale

    def forward(self, params: Float[Tensor, "... c h w"]) -> Distribution:
        return GreyLevels(WHITE * params, self.scale)


class DiscretizedLogisticConfig(BaseLikelihood):
    """A logistic density summed over each of the 256 grey levels, with one learned scale.

    The tails belong to black and white.
    """

    formula = "P(v|z) = F((v + 1/2 - loc(z)) / scale) - F((v - 1/2 - loc(z)) / scale),  F = sigmoid"
    advice = """Use it for photographs and for bits per dimension: it is a probability of the levels
        themselves, so that models of them can be compared."""
    references = """
        "Improved variational inference with inverse autoregressive flow" (Kingma et al., 2016,
        appendix C.1, arXiv 1606.04934)"""

    domains: ClassVar[frozenset[Domain]] = frozenset({Domain.LEVELS})
    measure: ClassVar[Measure] = "counting"
    remedy: ClassVar[str] = "use `pixels: levels`"
    output_activation: ClassVar[Activation | None] = "sigmoid"

    kind: Literal["discretized_logistic"] = "discretized_logistic"
    floor: float = Field(default=0.1, gt=0, allow_inf_nan=False)
    """Lower bound of the learned scale, in levels."""

    def build(self, domain: Domain) -> DiscretizedLogistic:
        return DiscretizedLogistic(self.floor)
