"""Normal posteriors: their dimensions independent, or correlated."""

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal, register_kl
from torch.nn.functional import pad, softplus

from vaelab.distributions.family import BasePosterior, Family
from vaelab.distributions.noise import rsample

LOG_VARIANCE_BOUND = 20.0
MIN_SCALE = 1e-6

ScaleMode = Literal["log_variance", "abs"]


class DiagonalNormalConfig(BasePosterior):
    """A normal distribution with a scale of its own in each dimension, all independent."""

    formula = "q(z|x) = N(z; loc(x), diag(scale(x)^2))"
    advice = """Use it first: it is cheap, and against a normal prior the rate has a closed form,
        dimension by dimension. Where dimensions are correlated given the image, it cannot say
        so."""
    references = """
        "Auto-encoding variational Bayes" (Kingma and Welling, 2014, section 3, arXiv 1312.6114)"""

    facts: ClassVar[frozenset[str]] = frozenset({"explicit", "normal", "independent"})

    kind: Literal["diagonal_normal"] = "diagonal_normal"
    scale: ScaleMode = "log_variance"
    """Meaning of the network's output: log scale^2, or the scale up to its sign (`abs`)."""

    def build(self, latent: int) -> "DiagonalNormal":
        return DiagonalNormal(self.scale)


class DiagonalNormal(Family):
    """N(loc, diag(scale^2)) from `(..., 2 d)` parameters: the locations, then the scales.

    By `log_variance` scale = exp(v / 2), v softly bounded to +-20; by `abs` scale = |s|.
    """

    def __init__(self, mode: ScaleMode) -> None:
        super().__init__()
        self.mode = mode
        self.parameter_names = ("loc", "log_variance" if mode == "log_variance" else "scale")

    def exported_scale(self) -> tuple[tuple[str, Mapping[str, float]], ...]:
        if self.mode == "abs":
            return (("abs_plus", {"floor": MIN_SCALE}),)
        return (("soft_bound", {"bound": LOG_VARIANCE_BOUND}), ("exp_half", {}))

    def forward(self, params: Float[Tensor, "..."]) -> Distribution:
        loc, spread = params.chunk(2, dim=-1)
        if self.mode == "log_variance":
            scale = torch.exp(0.5 * soft_bound(spread, LOG_VARIANCE_BOUND))
        else:
            scale = spread.abs() + MIN_SCALE
        # q(z|x) = N(loc, diag scale^2)
        return Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)


def soft_bound(value: Float[Tensor, "..."], bound: float) -> Float[Tensor, "..."]:
    """A smooth monotone map onto (-bound, bound) that leaves values well inside unchanged.

    Off by less than exp(-|bound - |value||), so 3e-7 at a distance of 15; in float32, whose steps
    next to a bound of 20 are 2e-6, by 1e-6.
    """
    below = bound - softplus(bound - value)
    return softplus(below + bound) - bound


class FullNormalConfig(BasePosterior):
    """A normal distribution with a covariance matrix of its own for each image."""

    formula = "q(z|x) = N(z; loc(x), L(x) L(x)^T),  L lower triangular"
    advice = """Use it where dimensions of the code are correlated given the image; what the encoder
        has to give grows with the square of the latent dimension."""
    references = """
        "An introduction to variational autoencoders" (Kingma and Welling, 2019, section 2.5.1,
        arXiv 1906.02691)"""

    facts: ClassVar[frozenset[str]] = frozenset({"explicit", "normal"})

    kind: Literal["full_normal"] = "full_normal"

    def build(self, latent: int) -> "FullNormal":
        return FullNormal()


class FullNormal(Family):
    """N(loc, L L^T) from loc, the logarithms of the squared diagonal of L, and what lies below it.

    The first two are softly bounded as in `DiagonalNormal`, and L is lower triangular.
    """

    parameter_names = ("loc", "log_variance", "below_diagonal")

    def sizes(self, features: int) -> list[int]:
        """(d, d, d (d - 1) / 2)."""
        return [features, features, features * (features - 1) // 2]

    def forward(self, params: Float[Tensor, "..."]) -> Distribution:
        # n = 2 d + d (d - 1) / 2  <=>  d^2 + 3 d - 2 n = 0
        features = round(((9 + 8 * params.shape[-1]) ** 0.5 - 3) / 2)
        loc, spread, below = torch.split(params, self.sizes(features), dim=-1)
        scale = torch.exp(0.5 * soft_bound(spread, LOG_VARIANCE_BOUND))
        # q(z|x) = N(loc, L L^T)
        factor = torch.diag_embed(scale) + _strictly_lower(below, features)
        return MultivariateNormal(loc, scale_tril=factor, validate_args=False)


def _strictly_lower(values: Float[Tensor, "... n"], size: int) -> Float[Tensor, "... d d"]:
    """A matrix with the values row by row below its diagonal, zero elsewhere."""
    row, column = torch.tril_indices(size, size, -1, device=values.device)
    place = torch.zeros(size * size, dtype=torch.long, device=values.device)
    place[row * size + column] = torch.arange(1, len(row) + 1, device=values.device)
    filled = pad(values, (1, 0)).index_select(-1, place)  # the zero put first is number 0
    return filled.reshape(*values.shape[:-1], size, size)


@rsample.register
def _(distribution: MultivariateNormal, noise: Tensor) -> Tensor:
    # z = loc + L noise,  noise ~ N(0, I)
    turned = (distribution.scale_tril @ noise.unsqueeze(-1)).squeeze(-1)
    return distribution.loc + turned


@register_kl(MultivariateNormal, Independent)  # type: ignore[no-untyped-call,untyped-decorator]
def _(q: MultivariateNormal, p: Independent[Normal]) -> Tensor:
    """KL(N(m, L L^T) || N(mu, diag s^2)), nats."""
    base = p.base_dist
    if not isinstance(base, Normal):
        raise NotImplementedError
    # sum log s - sum log L_ii + 1/2 sum ((L L^T)_ii + (m - mu)^2) / s^2 - d / 2
    volume = base.scale.log().sum(-1) - q.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    distance = (q.variance + (q.loc - base.loc) ** 2) / base.scale**2
    return volume + 0.5 * (distance - 1).sum(-1)
