"""The standard normal prior."""

from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from vaelab.priors.base import BasePrior, Encode, Prior


class StandardNormal(Prior):
    """p(z) = N(0, I) in `latent` dimensions."""

    unit_scale: ClassVar[bool] = True

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.register_buffer("loc", torch.zeros(latent), persistent=False)
        self.register_buffer("scale", torch.ones(latent), persistent=False)

    def forward(self, context: Float[Tensor, "b c"] | None = None) -> Distribution:
        """N(0, I), whatever the class."""
        normal = Normal(self.get_buffer("loc"), self.get_buffer("scale"), validate_args=False)
        return Independent(normal, 1, validate_args=False)


class StandardNormalConfig(BasePrior):
    """A normal distribution of mean 0 and variance 1 in every dimension.

        p(z) = N(z; 0, I)

    Use it first: the rate of a normal posterior has a closed form, there is nothing to learn, and
    the latent space has one centre and no preferred directions.

    "Auto-encoding variational Bayes" (Kingma and Welling, 2014, section 3, arXiv 1312.6114).
    """

    kind: Literal["standard_normal"] = "standard_normal"

    def build(
        self, latent: int, image_shape: tuple[int, int, int], encode: Encode | None, classes: int
    ) -> StandardNormal:
        """The module."""
        return StandardNormal(latent)
