"""A variational autoencoder with two vectors of latent variables, one above the other."""

from functools import partial
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.distributions import Distribution

from vaelab.config import Config
from vaelab.data.pixels import Domain
from vaelab.distributions import DiagonalNormalConfig, rsample
from vaelab.errors import BadCombinationError
from vaelab.models.base import ConditionalDistribution, Explorable
from vaelab.models.ends import BaseVectorModel, input_factor
from vaelab.models.inputs import Classes, Images, Noise, context_of, takes_images
from vaelab.models.terms import Level, Terms
from vaelab.networks.base import ImageShape, Widths
from vaelab.networks.layers import Activation, Linear
from vaelab.networks.network import dense
from vaelab.priors import PriorConfig, StandardNormalConfig


class TopConfig(Config):
    """The upper of two vectors of latent variables."""

    latent: int = Field(default=2, ge=1, le=4096)
    """Dimension of z2."""
    widths: Widths = (64, 64)
    """Widths of the hidden layers between the two vectors, the same upwards and downwards."""
    activation: Activation = "tanh"
    """The activation after each."""


class HierarchicalConfig(BaseVectorModel):
    """Two layers of stochastic units, each a normal distribution given the other.

    p(x, z1, z2) = p(x|z1) p(z1|z2) p(z2) and q(z1, z2|x) = q(z1|x) q(z2|z1): Burda et al. (2016).
    """

    advice = """Use it where one normal distribution is too simple a prior: p(z1) is what p(z1|z2)
        makes of all z2."""
    references = """
        "Importance weighted autoencoders" (Burda et al., 2016, eq. 1 and 4, section 5, arXiv
        1509.00519)"""

    flat: ClassVar[bool] = False

    kind: Literal["hierarchical"] = "hierarchical"
    latent: int = Field(default=16, ge=1, le=4096)
    """Dimension of z1, the vector next to the image."""
    top: TopConfig = TopConfig()
    """z2 and the networks between it and z1."""
    posterior: DiagonalNormalConfig = DiagonalNormalConfig()
    """The family of q(z1|x), q(z2|z1) and p(z1|z2)."""
    prior: PriorConfig = StandardNormalConfig()
    """p(z2)."""

    def build(self, image_shape: ImageShape, domain: Domain, classes: int) -> "HierarchicalVAE":
        self.check(domain, classes)
        if self.prior.reads_images or self.prior.reads_class:
            raise BadCombinationError(
                f"model `hierarchical` has a prior of its upper codes, and `{self.prior.kind}` is "
                "made of images or classes; use `prior: standard_normal`, `mixture` or `flow`"
            )
        return HierarchicalVAE(self, image_shape, domain, classes)

    def between(self, given: int, latent: int) -> ConditionalDistribution:
        """A distribution of one of the two vectors, given the other."""
        family = self.posterior.build(latent)
        hidden = dense(given, self.top.widths, self.top.activation)
        features = self.top.widths[-1] if self.top.widths else given
        parameters = Linear(features, family.params_size(latent))
        return ConditionalDistribution([*hidden, parameters], [], family)


class HierarchicalVAE(Explorable):
    """p(x|z1) p(z1|z2) p(z2) and q(z1|x) q(z2|z1).

    Attributes:
        encoder: q(z1|x,c).
        upwards: q(z2|z1).
        prior: p(z2).
        downwards: p(z1|z2).
        decoder: p(x|z1,c).
        latents: dimensions of z1 and z2.
        latent: that of z2, which is the code where one is wanted.
        input_factor: what the pixels are multiplied with on their way into the encoder.
    """

    def __init__(
        self, config: HierarchicalConfig, image_shape: ImageShape, domain: Domain, classes: int
    ) -> None:
        super().__init__()
        lower, upper = self.latents = config.latent, config.top.latent
        self.latent, self.reads_class = upper, config.condition.readers
        family = config.posterior.build(lower)
        self.encoder = config.build_encoder(lower, family, image_shape, classes)
        self.upwards = config.between(lower, upper)
        self.prior = config.prior.build(upper, classes)
        self.downwards = config.between(upper, lower)
        self.decoder = config.build_decoder(lower, image_shape, domain, classes)
        self.image_shape, self.input_factor = image_shape, input_factor(domain)
        self.classes = classes if config.conditional else 0

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """(d1 + d2,)."""
        return (sum(self.latents),)

    def to_numbers(self, x: Images, context: Classes = None) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of q(z2|z1) at the mean of q(z1|x)."""
        posterior: Distribution = self.encoder(x * self.input_factor, context)
        upper: Distribution = self.upwards(posterior.mean)
        return upper.mean, upper.stddev

    def of_numbers(self, z: Tensor, context: Classes = None) -> Distribution:
        """p(x|z1) at the mean of p(z1|z2)."""
        lower: Distribution = self.downwards(z)
        return self.decoder(lower.mean, context)

    def terms(self, x: Images, context: Classes = None, *, noise: Noise) -> Terms:
        """The log densities at K samples z1 ~ q(z1|x), z2 ~ q(z2|z1)."""
        lower, upper = torch.split(noise, list(self.latents), dim=-1)
        first: Distribution = self.encoder(x * self.input_factor, context)
        z1 = rsample(first, lower)
        second: Distribution = self.upwards(z1)
        z2 = rsample(second, upper)
        levels = (Level(z1, first, self.downwards(z2)), Level(z2, second, self.prior()))
        likelihood = self.decoder(z1, context)
        updates = (partial(self.decoder.family.follow, likelihood, x),) if self.training else ()
        return Terms(likelihood.log_prob(x), levels, updates=updates)

    @takes_images
    def reconstruct(self, x: Images, context: Classes = None) -> Distribution:
        """p(x|z1) at the mean of q(z1|x)."""
        posterior: Distribution = self.encoder(x * self.input_factor, context)
        return self.decoder(posterior.mean, context)

    @torch.no_grad()
    def sample(self, num: int, context: Classes = None) -> Distribution:
        """p(x|z1) at `num` codes z2 ~ p(z2), z1 ~ p(z1|z2), by torch's global generator."""
        z1 = self.downwards(self.prior().sample(torch.Size([num]))).sample()
        return self.decoder(z1, context_of(self, context))
