"""A Gaussian whose scale is always the best one."""

from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.distributions import Distribution, Normal

from vaelab.data.pixels import Domain
from vaelab.distributed import all_mean
from vaelab.likelihoods.base import RANGE, REAL_DOMAINS, BaseLikelihood, Measure
from vaelab.likelihoods.location_scale import OneScale, SharedScale

MOMENTUM = 0.1


class OptimalGaussian(OneScale):
    """p(x|z) = prod over pixels of N(x; location, scale^2), locations from the decoder.

    In training the scale is that of the batch; a density needs one that does not look at x, so in
    evaluation it is the running mean of those, as in a batch norm.
    """

    def __init__(self, start: float, floor: float) -> None:
        super().__init__()
        self.floor = floor
        self.register_buffer("mean_square", torch.tensor(start**2))

    @property
    def scale(self) -> Float[Tensor, ""]:
        return self.get_buffer("mean_square").sqrt().clamp(min=self.floor)

    def gaussian_scale(self) -> Float[Tensor, ""]:
        return self.scale

    def forward(self, params: Float[Tensor, "... c h w"]) -> Distribution:
        if self.training:
            return _Fitting(params, self)
        return SharedScale(Normal, params, self.scale)

    def follow(self, distribution: Distribution, value: Float[Tensor, "..."]) -> None:
        """Let the running mean of the squared scale follow that of a batch."""
        if isinstance(distribution, _Fitting):
            running = self.get_buffer("mean_square")
            square = distribution.mean_square(value)
            running.mul_(1 - MOMENTUM).add_(MOMENTUM * square.to(running.dtype))


class _Fitting(SharedScale):
    """A Gaussian that takes the scale under which what it is asked about is most likely."""

    def __init__(self, loc: Float[Tensor, "... c h w"], family: OptimalGaussian) -> None:
        super().__init__(Normal, loc, family.scale)
        self._floor = family.floor

    def mean_square(self, value: Float[Tensor, "..."]) -> Float[Tensor, ""]:
        """The square of the best scale; its gradient there is 0, so it is taken as given."""
        mine = (value - self.base_dist.loc.detach()).square().mean()
        return all_mean(mine).clamp(min=self._floor**2)

    def log_prob(self, value: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        best = SharedScale(Normal, self.base_dist.loc, self.mean_square(value).sqrt())
        return best.log_prob(value)


class OptimalGaussianConfig(BaseLikelihood):
    """A Gaussian with one scale for all pixels, in closed form: the root of the mean squared error.

    It couples the images of a batch; in evaluation the scale is the running mean of those, and the
    ELBO is a bound. The ELBO logged in training is none: its scale has looked at the batch.
    """

    formula = """
        p(x|z) = prod over pixels of N(x; loc(z), scale^2)
        scale^2 = mean over the batch's images, samples and pixels of (x - loc(z))^2
    """
    advice = """Use it in place of `gaussian` where training is short: what that learns by gradient,
        this has at once."""
    references = """
        "Simple and effective VAE training with calibrated decoders" (Rybkin et al., 2021, section
        3.2, arXiv 2006.13202)"""

    domains: ClassVar[frozenset[Domain]] = REAL_DOMAINS
    measure: ClassVar[Measure] = "lebesgue"
    remedy: ClassVar[str] = ""

    kind: Literal["optimal_gaussian"] = "optimal_gaussian"
    floor: float = Field(default=1e-3, gt=0, allow_inf_nan=False)
    """Lower bound of the scale."""

    @property
    def limit_words(self) -> str:
        return f"scale at least {self.floor:g}"

    def build(self, domain: Domain) -> OptimalGaussian:
        return OptimalGaussian(max(RANGE[domain] / 4, self.floor), self.floor)
