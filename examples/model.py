"""A model of your own.

vaelab train digits model=linear task_name=pca --plugin examples/model.py
"""

from math import prod
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from vaelab.data import Domain
from vaelab.models import BaseModel, FlatLatent, Level, Terms
from vaelab.networks import BaseDecoder, BaseEncoder


class LinearModel(FlatLatent):
    """x = W z + b + noise, z normal, q(z|x) normal with one scale for all images.

    Its best decoder spans the principal components: "Mixtures of probabilistic principal component
    analyzers" (Tipping and Bishop, 1999).
    """

    classes = 0

    def __init__(
        self, image_shape: tuple[int, int, int], latent: int, likelihood: nn.Module
    ) -> None:
        super().__init__()
        self.image_shape, self.latent = image_shape, latent
        self.encoder = nn.Linear(prod(image_shape), latent)
        self.decoder = nn.Linear(latent, prod(image_shape))
        self.log_scale = nn.Parameter(torch.full((latent,), -1.0))
        self.likelihood = likelihood

    def encode(self, x: Tensor, context: Tensor | None = None) -> Distribution:
        """q(z|x)."""
        loc = self.encoder(x.flatten(1))
        scale = self.log_scale.exp().expand_as(loc)
        return Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)

    def decode(self, z: Tensor, context: Tensor | None = None) -> Distribution:
        """p(x|z)."""
        output = self.decoder(z).unflatten(-1, self.image_shape)
        distribution: Distribution = self.likelihood(output)
        return distribution

    def prior(self) -> Distribution:
        """p(z)."""
        zero = torch.zeros_like(self.log_scale)
        return Independent(Normal(zero, zero + 1, validate_args=False), 1, validate_args=False)

    def terms(self, x: Tensor, context: Tensor | None = None, *, noise: Tensor) -> Terms:
        """Log densities at samples of q(z|x), made from `noise` `(k, b, latent)`."""
        posterior = self.encode(x)
        z = posterior.mean + posterior.stddev * noise
        return Terms(self.decode(z).log_prob(x), (Level(z, posterior, self.prior()),))

    def sample(self, num: int, context: Tensor | None = None) -> Distribution:
        """p(x|z) at draws of the prior."""
        return self.decode(self.prior().sample(torch.Size([num])))


class LinearConfig(BaseModel):
    """A linear decoder and encoder: probabilistic principal component analysis."""

    flat: ClassVar[bool] = True
    prior_kind: ClassVar[str] = "standard_normal"
    networks: ClassVar[tuple[BaseEncoder | BaseDecoder, ...]] = ()
    conditional: ClassVar[bool] = False
    numbers_conditional: ClassVar[bool] = False

    kind: Literal["linear"] = "linear"
    latent: int = Field(default=2, ge=1)
    """Dimension of the code."""

    @property
    def words(self) -> str:
        """For the list of runs."""
        return f"linear {self.latent}"

    def build(self, image_shape: tuple[int, int, int], domain: Domain, classes: int) -> LinearModel:
        """The model, its parameters drawn by torch's generator."""
        self.likelihood.check(domain)
        return LinearModel(image_shape, self.latent, self.likelihood.build(domain))
