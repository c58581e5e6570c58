"""Likelihoods whose scale the decoder gives for each pixel."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, Laplace, Normal

from vaelab.distributions.normal import soft_bound
from vaelab.likelihoods.base import Likelihood

LOG_SCALE_BOUND = 10.0


class PerPixelScale(Likelihood):
    """p(x|z) = prod over pixels of f(x; location, scale), both from the decoder.

    Args:
        family: `Normal` or `Laplace`.
        start: the scale where the decoder says 0.
        floor: no scale falls below it: scale = floor + (start - floor) exp(output), the output
            softly bounded to +-10.
    """

    parameter_names = ("loc", "log_scale")

    def __init__(self, family: type[Normal] | type[Laplace], start: float, floor: float) -> None:
        super().__init__()
        self.family, self.start, self.floor = family, start, floor

    def forward(self, params: Float[Tensor, "... c h w"]) -> Distribution:
        """The distribution: locations in the first half of the channels, scales in the second."""
        loc, spread = params.chunk(2, dim=-3)
        scale = self.floor + (self.start - self.floor) * torch.exp(
            soft_bound(spread, LOG_SCALE_BOUND)
        )
        return Independent(self.family(loc, scale, validate_args=False), 3, validate_args=False)
