"""Posteriors with several humps: mixtures of normal distributions."""

from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, Normal
from torch.special import ndtr, ndtri

from vaelab.distributions.family import BasePosterior, Family
from vaelab.distributions.noise import Change, changed, rsample
from vaelab.distributions.normal import LOG_VARIANCE_BOUND, soft_bound


class NormalMixtureConfig(BasePosterior):
    """A mixture of normal distributions, each independent over dimensions, for each image.

    q(z|x) = sum over m of w_m N(z; loc_m, diag(scale_m^2)), all from the encoder: Nalisnick et al.
    (2016). Its samples are exact, and so is their gradient, by Figurnov et al. (2018).
    """

    advice = """Use it with `objective: iwae` or `stl`: under the plain ELBO nearly all of the
        weight goes to one component, and nothing is gained. A step takes about half as long again
        as with `diagonal_normal`, for d from 2 to 50 and M from 2 to 5. The mean, which is what a
        reconstruction decodes, may lie between two components."""
    references = """
        "Approximate inference for deep latent Gaussian mixtures" (Nalisnick et al., 2016);
        "Implicit reparameterization gradients" (Figurnov et al., 2018, arXiv 1805.08498)"""

    facts: ClassVar[frozenset[str]] = frozenset({"explicit"})

    kind: Literal["mixture"] = "mixture"
    components: int = Field(default=3, ge=2, le=100)
    """Number of components."""

    def build(self, latent: int) -> "NormalMixture":
        return NormalMixture(self.components)


class NormalMixture(Family):
    """The mixture from M logits, M d locations and M d logarithms of variances."""

    parameter_names = ("logits", "loc", "log_variance")

    def __init__(self, components: int) -> None:
        super().__init__()
        self.components = components

    def sizes(self, features: int) -> list[int]:
        """(M, M d, M d)."""
        return [self.components, self.components * features, self.components * features]

    def forward(self, params: Float[Tensor, "..."]) -> Distribution:
        features = (params.shape[-1] // self.components - 1) // 2
        logits, loc, spread = torch.split(params, self.sizes(features), dim=-1)
        scale = torch.exp(0.5 * soft_bound(spread, LOG_VARIANCE_BOUND))
        each = (*params.shape[:-1], self.components, features)
        return normal_mixture(logits, loc.reshape(each), scale.reshape(each))


def normal_mixture(
    logits: Float[Tensor, "... m"], loc: Float[Tensor, "... m d"], scale: Float[Tensor, "... m d"]
) -> MixtureSameFamily:
    """Sum over m of w_m N(loc_m, diag(scale_m^2)), w the softmax of the logits."""
    # q(z|x) = sum_m w_m N(loc_m, diag scale_m^2)
    normal = Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)
    weights = Categorical(logits=logits, validate_args=False)
    return MixtureSameFamily(weights, normal, validate_args=False)


def mixture_parameters(
    mixture: MixtureSameFamily,
) -> tuple[Float[Tensor, "... m"], Float[Tensor, "... m d"], Float[Tensor, "... m d"]]:
    """Log w, loc and scale."""
    components = mixture.component_distribution
    if not (isinstance(components, Independent) and isinstance(components.base_dist, Normal)):
        raise TypeError(f"a mixture of {type(components).__name__} is not one of diagonal normals")
    log_weights: Tensor = mixture.mixture_distribution.logits
    return log_weights, components.base_dist.loc, components.base_dist.scale


@changed.register
def _(distribution: MixtureSameFamily, change: Change) -> Distribution:
    log_weights, loc, scale = mixture_parameters(distribution)
    return normal_mixture(change(log_weights), change(loc), change(scale))


@rsample.register
def _(distribution: MixtureSameFamily, noise: Tensor) -> Tensor:
    """A draw whose gradient says where it goes as the density changes.

    Which component a draw is of is no differentiable function of the weights. But every velocity
    dz/dtheta that carries the density along, dq/dtheta + div(q dz/dtheta) = 0, gives the gradient
    of E f(z) as E grad f dz/dtheta: "Pathwise derivatives beyond the reparameterization trick"
    (Jankowiak and Obermeyer, 2018, arXiv 1806.01851). The equation is linear in q dz/dtheta, so
    the velocities that the components bring along and that of the weights are added.
    """
    log_weights, loc, scale = mixture_parameters(distribution)
    with torch.no_grad():
        z = _draw(log_weights.exp(), loc, scale, noise)
        standard = (z.unsqueeze(-2) - loc) / scale  # (k, b, m, d)
        log_normal = Normal(loc, scale, validate_args=False).log_prob(z.unsqueeze(-2))  # type: ignore[no-untyped-call]
        shares = (log_weights + log_normal.sum(-1)).softmax(-1).unsqueeze(-1)
    # each component moves its share of the mass at z:  dz = sum_m q(m|z) (dloc_m + t_m dscale_m)
    moved: Tensor = (shares * (loc + scale * standard)).sum(-2)
    return moved + _shift(log_weights, standard, scale.detach(), log_normal)


def _draw(
    weights: Float[Tensor, "b m"],
    loc: Float[Tensor, "b m d"],
    scale: Float[Tensor, "b m d"],
    noise: Float[Tensor, "k b d"],
) -> Float[Tensor, "k b d"]:
    """Samples; the first coordinate of the noise also says of which component."""
    ends = weights.cumsum(-1)
    uniform = ndtr(noise[..., :1])
    index = (uniform > ends[..., :-1]).sum(-1, keepdim=True)
    chosen = (index == torch.arange(weights.shape[-1], device=noise.device)).to(noise.dtype)
    # given the component, where the uniform number lies in its interval is uniform again
    begin, weight = (chosen * (ends - weights)).sum(-1, True), (chosen * weights).sum(-1, True)
    smallest = torch.finfo(noise.dtype).eps
    first = ndtri(((uniform - begin) / weight).clamp(smallest, 1 - smallest))
    chosen = chosen.unsqueeze(-1)
    own = torch.cat([first, noise[..., 1:]], -1)
    z: Tensor = (chosen * loc).sum(-2) + (chosen * scale).sum(-2) * own
    return z


def _shift(
    log_weights: Float[Tensor, "b m"],
    standard: Float[Tensor, "k b m d"],
    scale: Float[Tensor, "b m d"],
    log_normal: Float[Tensor, "k b m d"],
) -> Float[Tensor, "k b d"]:
    """Zeros whose gradient is the velocity of the samples under a change of the weights.

    With S_j(z) = F(z_j | z_1 .. z_(j-1)), S(z) stays what it is:  dz = -(dS/dz)^-1 dS/dw.
    """
    before = log_normal.cumsum(-1) - log_normal
    shares = (log_weights.unsqueeze(-1) + before).softmax(-2)  # q(m | z_1 .. z_(j-1))
    with torch.no_grad():
        # S less a constant: the smaller tail, where a difference from 1 would be lost
        sign = torch.where((shares * ndtr(standard)).sum(-2, keepdim=True) > 0.5, -1.0, 1.0)
        tail = sign * ndtr(sign * standard)
        density = (shares * log_normal.exp()).sum(-2)  # dS_j/dz_j = q(z_j | z_1 .. z_(j-1))
        excess = shares * (tail - (shares * tail).sum(-2, keepdim=True))
        # dS_j/dz_i = sum_m q(m|..) (Phi_mj - S_j) d log N_mi / dz_i,  i < j
        jacobian = torch.einsum("...mj,...mi->...ji", excess, -standard / scale)
        jacobian = jacobian / density.unsqueeze(-1)
    change = (shares * tail).sum(-2)
    change = ((change - change.detach()) / density).unsqueeze(-1)
    # what is below the diagonal is read, and 1 taken on it
    solved: Tensor = torch.linalg.solve_triangular(
        jacobian, change, upper=False, unitriangular=True
    )
    return -solved[..., 0]
