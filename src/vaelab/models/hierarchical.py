"""A variational autoencoder with two vectors of latent variables, one above the other."""

from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.distributions import Distribution

from vaelab.config import Config
from vaelab.data.pixels import Domain
from vaelab.distributions import DiagonalNormalConfig, Family, rsample
from vaelab.errors import BadCombinationError
from vaelab.models.base import LatentVariableModel, NetworkDistribution
from vaelab.models.ends import BaseVectorModel, input_factor
from vaelab.models.terms import Level, Terms
from vaelab.networks.base import Widths
from vaelab.networks.layers import Activation, Linear
from vaelab.networks.network import dense
from vaelab.priors import Prior, PriorConfig, StandardNormalConfig


class TopConfig(Config):
    """The upper of two vectors of latent variables."""

    latent: int = Field(default=2, ge=1, le=4096)
    """Its dimension."""
    widths: Widths = (64, 64)
    """Widths of the hidden layers between the two vectors, the same upwards and downwards."""
    activation: Activation = "tanh"
    """The activation after each."""


class HierarchicalConfig(BaseVectorModel):
    """Two layers of stochastic units, each a normal distribution given the other.

    p(x, z1, z2) = p(x|z1) p(z1|z2) p(z2) and q(z1, z2|x) = q(z1|x) q(z2|z1): "Importance weighted
    autoencoders" (Burda et al., 2016, eq. 1 and 4, section 5, arXiv 1509.00519). Use it where one
    normal distribution is too simple a prior: p(z1) is what p(z1|z2) makes of all z2.
    """

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

    @property
    def words(self) -> str:
        """Such as `mlp 16 + 2`."""
        return f"{self.encoder.kind} {self.latent} + {self.top.latent}"

    @property
    def prior_kind(self) -> str:
        """That of p(z2)."""
        return self.prior.kind

    @property
    def conditional(self) -> bool:
        """Whether a network reads the class."""
        return self.condition.active

    @property
    def numbers_conditional(self) -> bool:
        """Whether the decoder reads the class."""
        return self.condition.decoder != "none"

    def build(
        self, image_shape: tuple[int, int, int], domain: Domain, classes: int
    ) -> "HierarchicalVAE":
        """The model with freshly initialised parameters."""
        self.check(domain, classes)
        if self.prior.kind in {"vamp", "class_conditional"}:
            raise BadCombinationError(
                f"model `hierarchical` has a prior of its upper codes, and `{self.prior.kind}` is "
                "made of images or classes; use `prior: standard_normal`, `mixture` or `flow`"
            )
        family, top = self.posterior.build(self.latent), self.top
        return HierarchicalVAE(
            self.build_encoder(self.latent, family, image_shape, classes),
            self._between(self.latent, top.latent, self.posterior.build(top.latent)),
            self.prior.build(top.latent, image_shape, None, classes),
            self._between(top.latent, self.latent, self.posterior.build(self.latent)),
            self.build_decoder(self.latent, image_shape, domain, classes),
            (self.latent, top.latent), image_shape,
            classes if self.conditional else 0, input_factor(domain),
        )  # fmt: skip

    def _between(self, given: int, latent: int, family: Family) -> NetworkDistribution:
        hidden = dense(given, self.top.widths, self.top.activation)
        features = self.top.widths[-1] if self.top.widths else given
        parameters = Linear(features, family.params_size(latent))
        return NetworkDistribution([*hidden, parameters], [], family)


class HierarchicalVAE(LatentVariableModel):
    """p(x|z1) p(z1|z2) p(z2) and q(z1|x) q(z2|z1).

    Args:
        encoder: q(z1|x,c).
        upwards: q(z2|z1).
        prior: p(z2).
        downwards: p(z1|z2).
        decoder: p(x|z1,c).
        latents: dimensions of z1 and z2.
        image_shape: `(c, h, w)`.
        classes: number of classes it is conditional on.
        input_factor: what the pixels are multiplied with on their way into the encoder.
    """

    def __init__(
        self,
        encoder: NetworkDistribution,
        upwards: NetworkDistribution,
        prior: Prior,
        downwards: NetworkDistribution,
        decoder: NetworkDistribution,
        latents: tuple[int, int],
        image_shape: tuple[int, int, int],
        classes: int,
        input_factor: float,
    ) -> None:
        super().__init__()
        self.encoder, self.upwards, self.prior = encoder, upwards, prior
        self.downwards, self.decoder = downwards, decoder
        self.latents, self.image_shape = latents, image_shape
        self.classes, self.input_factor = classes, input_factor

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """(d1 + d2,)."""
        return (sum(self.latents),)

    def terms(
        self,
        x: Float[Tensor, "b c h w"],
        context: Float[Tensor, "b classes"] | None = None,
        *,
        noise: Float[Tensor, "k b d"],
    ) -> Terms:
        """The log densities at K samples z1 ~ q(z1|x), z2 ~ q(z2|z1)."""
        lower, upper = torch.split(noise, list(self.latents), dim=-1)
        first: Distribution = self.encoder(x * self.input_factor, context)
        z1 = rsample(first, lower)
        second: Distribution = self.upwards(z1)
        z2 = rsample(second, upper)
        levels = (Level(z1, first, self.downwards(z2)), Level(z2, second, self.prior()))
        return Terms(self.decoder(z1, context).log_prob(x), levels)

    def reconstruct(
        self, x: Float[Tensor, "b c h w"], context: Float[Tensor, "b classes"] | None = None
    ) -> Distribution:
        """p(x|z1) at the mean of q(z1|x)."""
        posterior: Distribution = self.encoder(x * self.input_factor, context)
        return self.decoder(posterior.mean, context)

    def sample(self, num: int, context: Float[Tensor, "n classes"] | None = None) -> Distribution:
        """p(x|z1) at `num` codes z2 ~ p(z2), z1 ~ p(z1|z2), by torch's global generator."""
        z1 = self.downwards(self.prior().sample(torch.Size([num]))).sample()
        return self.decoder(z1, context)
