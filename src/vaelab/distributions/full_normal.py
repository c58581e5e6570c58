"""Normal posteriors whose dimensions are correlated."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal, register_kl
from torch.nn.functional import pad

from vaelab.distributions.family import BasePosterior, Family
from vaelab.distributions.noise import rsample
from vaelab.distributions.normal import LOG_VARIANCE_BOUND, soft_bound


class FullNormalConfig(BasePosterior):
    """A normal distribution with a covariance matrix of its own for each image.

        q(z|x) = N(z; loc(x), L(x) L(x)^T),  L lower triangular

    Use it where dimensions of the code are correlated given the image; what the encoder has to give
    grows with the square of the latent dimension.

    "An introduction to variational autoencoders" (Kingma and Welling, 2019, section 2.5.1, arXiv
    1906.02691).
    """

    kind: Literal["full_normal"] = "full_normal"

    def build(self, latent: int) -> "FullNormal":
        """The family."""
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
        """The distribution with event shape `(d,)`."""
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
