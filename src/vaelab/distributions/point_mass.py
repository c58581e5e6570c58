"""A discrete variable that is certain: the posterior of an encoder that chooses one code."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.distributions import Distribution, register_kl

from vaelab.distributions.noise import Change, changed, rsample


class PointMass(Distribution):
    """P(z = value) = 1, the value a grid of integers for each image."""

    def __init__(self, value: Int64[Tensor, "b rows columns"]) -> None:
        super().__init__(value.shape[:1], value.shape[1:], validate_args=False)
        self.value = value

    def log_prob(self, value: Int64[Tensor, "*k b rows columns"]) -> Float[Tensor, "*k b"]:
        """0 at the value, minus infinity elsewhere."""
        same = (value == self.value).flatten(-2).all(-1)
        return torch.where(same, 0.0, -torch.inf)

    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """The value, as often as is asked for."""
        return self.value.expand(*sample_shape, *self.value.shape)


@rsample.register
def _(distribution: PointMass, noise: Tensor) -> Tensor:
    return distribution.sample(noise.shape[:1])


@changed.register
def _(distribution: PointMass, change: Change) -> Distribution:
    return PointMass(change(distribution.value))


@register_kl(PointMass, Distribution)  # type: ignore[no-untyped-call, untyped-decorator]
def _surprise(q: PointMass, p: Distribution) -> Tensor:
    # KL(q || p) = sum over z of q(z) (log q(z) - log p(z)) = -log p(value)
    return -p.log_prob(q.value)
