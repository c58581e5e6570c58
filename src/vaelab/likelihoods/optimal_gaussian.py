"""A Gaussian whose scale is always the best one."""

from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.distributions import Distribution, Normal

from vaelab.data.pixels import Domain
from vaelab.distributed.world import World
from vaelab.distributions import SharedScale
from vaelab.likelihoods.base import (
    ON_THE_FLOOR,
    RANGE,
    REAL_DOMAINS,
    BaseLikelihood,
    Likelihood,
    Measure,
)

MOMENTUM = 0.1


class OptimalGaussian(Likelihood):
    """p(x|z) = prod over pixels of N(x; location, scale^2), locations from the decoder.

    In training the scale is that of the batch; a density needs one that does not look at x, so in
    evaluation it is the running mean of those, as in a batch norm.

    Args:
        start: the scale before the first batch.
        floor: no scale falls below it.

    Attributes:
        world: the processes whose batch it follows.
    """

    parameter_names = ("loc",)

    def __init__(self, start: float, floor: float) -> None:
        super().__init__()
        self.floor = floor
        self.world = World()
        self.register_buffer("mean_square", torch.tensor(start**2))

    @property
    def scale(self) -> Float[Tensor, ""]:
        """The scale in units of the pixels' domain."""
        return self.get_buffer("mean_square").sqrt().clamp(min=self.floor)

    @property
    def at_limit(self) -> bool:
        """Whether the scale lies on its floor."""
        return self.scale.item() < ON_THE_FLOOR * self.floor

    def forward(self, params: Float[Tensor, "... c h w"]) -> Distribution:
        """The distribution whose locations are `params`."""
        if self.training:
            return _Fitting(params, self)
        return SharedScale(Normal, params, self.scale)


class _Fitting(SharedScale):
    """A Gaussian that takes the scale under which what it is asked about is most likely."""

    def __init__(self, loc: Float[Tensor, "... c h w"], family: OptimalGaussian) -> None:
        super().__init__(Normal, loc, family.scale)
        self._family = family

    def log_prob(self, value: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The log density, nats, `(...)`."""
        family, loc = self._family, self.base_dist.loc
        # its gradient is 0 at the best scale, so that it can be taken as given
        mine = (value - loc.detach()).square().mean()
        square = family.world.mean(mine).clamp(min=family.floor**2)
        running = family.get_buffer("mean_square")
        running.mul_(1 - MOMENTUM).add_(MOMENTUM * square.to(running.dtype))
        return SharedScale(Normal, loc, square.sqrt()).log_prob(value)


class OptimalGaussianConfig(BaseLikelihood):
    """A Gaussian with one scale for all pixels, in closed form: the root of the mean squared error.

        p(x|z) = prod over pixels of N(x; loc(z), scale^2)
        scale^2 = mean over the batch's images, samples and pixels of (x - loc(z))^2

    It couples the images of a batch; in evaluation the scale is the running mean of those, and the
    ELBO is a bound. The ELBO logged in training is none: its scale has looked at the batch. Use it
    in place of `gaussian` where training is short: what that learns by gradient, this has at once.

    "Simple and effective VAE training with calibrated decoders" (Rybkin et al., 2021, section 3.2,
    arXiv 2006.13202).
    """

    domains: ClassVar[frozenset[Domain]] = REAL_DOMAINS
    measure: ClassVar[Measure] = "lebesgue"
    remedy: ClassVar[str] = ""

    kind: Literal["optimal_gaussian"] = "optimal_gaussian"
    floor: float = Field(default=1e-3, gt=0, allow_inf_nan=False)
    """The scale stays above this."""

    @property
    def limit_words(self) -> str:
        """The floor."""
        return f"scale at least {self.floor:g}"

    def build(self, domain: Domain) -> OptimalGaussian:
        """The module."""
        return OptimalGaussian(max(RANGE[domain] / 4, self.floor), self.floor)
