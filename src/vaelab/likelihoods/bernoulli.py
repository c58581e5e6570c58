"""A coin for each pixel, and the continuous Bernoulli, a density on [0, 1]."""

from math import inf, log
from typing import ClassVar, Literal, cast

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent

from vaelab.data.pixels import Domain
from vaelab.likelihoods.base import BaseLikelihood, Likelihood, Measure, Share, impossible_share

CERTAIN = 1e-3
"""Pixels that are always black or always white start this far from certainty."""


class BernoulliPixels(Likelihood):
    """P(x|z) = prod over pixels of the probability of black or white, logits from the decoder."""

    parameter_names = ("logits",)

    def forward(self, params: Float[Tensor, "... c h w"]) -> Distribution:
        return Independent(Bernoulli(logits=params, validate_args=False), 3, validate_args=False)

    def initial_bias(self, mean: Float[Tensor, "c h w"]) -> Float[Tensor, "c h w"]:
        """Logit p, p the share of the images in which the pixel is white."""
        return torch.logit(mean.clamp(CERTAIN, 1 - CERTAIN))

    def exported_mean(self) -> str:
        """P(x = 1) = sigmoid(logit)."""
        return "sigmoid"

    def at_limit_share(self, decoded: Distribution, x: Float[Tensor, "b c h w"]) -> Share:
        log_p: Tensor = cast(Independent[Bernoulli], decoded).base_dist.log_prob(x)  # type: ignore[no-untyped-call]
        return impossible_share(log_p, 2)


class BernoulliConfig(BaseLikelihood):
    """A coin for each pixel; a likelihood for black-and-white pixels only."""

    formula = "P(x|z) = prod over pixels of p^x (1 - p)^(1 - x),  p = sigmoid(logit(z))"
    advice = """Use it for `binary` pixels. On grey ones the formula is no density, and it is
        refused."""
    references = """
        "Auto-encoding variational Bayes" (Kingma and Welling, 2014, appendix C.1, arXiv
        1312.6114)"""

    domains: ClassVar[frozenset[Domain]] = frozenset({Domain.BINARY})
    measure: ClassVar[Measure] = "counting"
    remedy: ClassVar[str] = (
        "use `pixels: binary` or `likelihood: {kind: continuous_bernoulli}` with `pixels: unit`"
    )

    raw: ClassVar[bool] = True

    kind: Literal["bernoulli"] = "bernoulli"

    def build(self, domain: Domain) -> BernoulliPixels:
        return BernoulliPixels()


SERIES_LOGIT = 0.25
"""Logits of less than this in size are near enough to 0 for the series around it."""


class ContinuousBernoulli(Distribution):
    """p(x) = l exp(l x) / (exp(l) - 1) on [0, 1], from its logit l = log p - log(1 - p).

    That is C(p) p^x (1 - p)^(1 - x), "The continuous Bernoulli" (Loaiza-Ganem and Cunningham, 2019,
    eq. 5, arXiv 1907.06845), computed without p, which a float rounds to 0 or 1.

    In the density l is kept within +-bound; mean and draws are of l as it is.
    """

    def __init__(self, logits: Float[Tensor, "..."], bound: float = inf) -> None:
        super().__init__(logits.shape, validate_args=False)
        self.logits, self.bound = logits, bound

    def log_prob(self, value: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The log density, nats."""
        logits = self.logits.clamp(-self.bound, self.bound)
        near = logits.abs() < SERIES_LOGIT
        # l (x - 1/2) - log(sinh(h) / h),  h = l / 2;  the last is h^2/6 - h^4/180 + h^6/2835 ..
        square = (torch.where(near, logits, 0) / 2).square()
        series = 1 / 2835 - square * (1 / 37800 - square / 467775)
        series = square * (1 / 6 - square * (1 / 180 - square * series))
        # from the end that is more likely: a exp(-a d) / (1 - exp(-a)),  a = |l|
        size = torch.where(near, SERIES_LOGIT, logits.abs())
        distance = torch.where(logits < 0, value, 1 - value)
        far = torch.log(size / -torch.expm1(-size)) - size * distance
        return torch.where(near, logits * (value - 0.5) - series, far)

    @property
    def mean(self) -> Tensor:
        """E[x] = 1 / (1 - exp(-l)) - 1 / l."""
        near = self.logits.abs() < SERIES_LOGIT
        small = torch.where(near, self.logits, 0)
        square = small.square()
        # 1/2 + l/12 - l^3/720 + l^5/30240 - l^7/1209600 + l^9/47900160 ..
        series = 1 / 30240 - square * (1 / 1209600 - square / 47900160)
        series = small * (1 / 12 - square * (1 / 720 - square * series))
        size = torch.where(near, SERIES_LOGIT, self.logits.abs())
        lower = 1 / size + torch.exp(-size) / torch.expm1(-size)
        far = torch.where(self.logits < 0, lower, 1 - lower)
        return torch.where(near, 0.5 + series, far)

    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draws from torch's global generator."""
        shape = torch.Size(sample_shape) + self.logits.shape
        uniform = torch.rand(shape, dtype=self.logits.dtype, device=self.logits.device)
        # the inverse of F(d) = (1 - exp(-a d)) / (1 - exp(-a))
        size = self.logits.abs().clamp(min=torch.finfo(self.logits.dtype).eps)
        distance = -torch.log1p(uniform * torch.expm1(-size)) / size
        return torch.where(self.logits < 0, distance, 1 - distance)


class ContinuousBernoulliPixels(Likelihood):
    """p(x|z) = prod over pixels of the continuous Bernoulli's density, logits from the decoder.

    In the density p is kept as far from 0 and 1 as `limit` says.
    """

    parameter_names = ("logits",)

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.bound = log((1 - limit) / limit) if limit else inf

    def forward(self, params: Float[Tensor, "... c h w"]) -> Distribution:
        return Independent(ContinuousBernoulli(params, self.bound), 3, validate_args=False)

    def exported_mean(self) -> str:
        """E[x] from the logit."""
        return "continuous_bernoulli_mean"

    def at_limit_share(self, decoded: Distribution, x: Float[Tensor, "b c h w"]) -> Share:
        logits = cast(Independent[ContinuousBernoulli], decoded).base_dist.logits
        part = (logits.abs() >= self.bound).sum().item()
        return Share("limit_share", part, logits.numel())


class ContinuousBernoulliConfig(BaseLikelihood):
    """The Bernoulli formula made a density on [0, 1] by its missing normalising constant.

    The density of a pixel that is exactly 0 or 1 grows with the logit without end. Without a limit
    its nats say how far training went or what the float format holds, and nothing about the model;
    under one, 1e-4 as in the published program, they are 2.22 a black pixel at most, and compare
    with none under another. Dequantised pixels (`{kind: unit, dequantised: true}`) bound it by
    themselves, the distortion being at least minus log 256, 5.55 nats, a pixel, and `limit` may be
    0. The limit is on the density alone: mean and draws, and so pictures, are of the p that the
    decoder gives.
    """

    formula = """
        p(x|z) = prod over pixels of C(p) p^x (1 - p)^(1 - x),  p = sigmoid(logit(z))
        C(p) = 2 artanh(1 - 2 p) / (1 - 2 p),  C(1/2) = 2
    """
    advice = """Use it for grey pixels of which most are nearly black or nearly white, where others
        take Bernoulli's formula as it is."""
    references = """
        "The continuous Bernoulli" (Loaiza-Ganem and Cunningham, 2019, eq. 5, arXiv 1907.06845)"""

    domains: ClassVar[frozenset[Domain]] = frozenset({Domain.UNIT})
    measure: ClassVar[Measure] = "lebesgue"
    remedy: ClassVar[str] = "use `pixels: unit`, or `bernoulli` where they are binary"

    raw: ClassVar[bool] = True

    kind: Literal["continuous_bernoulli"] = "continuous_bernoulli"
    limit: float = Field(default=1e-4, ge=0, lt=0.5, allow_inf_nan=False)
    """Distance that the density's p keeps from 0 and 1; 0: none."""

    @property
    def limit_words(self) -> str:
        return f"p at least {self.limit:g} from 0 and 1" if self.limit else "p without a limit"

    def build(self, domain: Domain) -> ContinuousBernoulliPixels:
        return ContinuousBernoulliPixels(self.limit)
