"""The variational autoencoder."""

from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.distributions import Distribution

from vaelab.data.pixels import Domain
from vaelab.distributions import DiagonalNormalConfig, PosteriorConfig, rsample
from vaelab.models.base import FlatLatent, NetworkDistribution
from vaelab.models.ends import BaseVectorModel, Condition, input_factor
from vaelab.models.terms import Level, Terms
from vaelab.networks.synchronised import running_moments
from vaelab.priors import BasePrior, Prior, PriorConfig, StandardNormalConfig


class VAEConfig(BaseVectorModel):
    """A variational autoencoder with one vector of latent variables.

        p(x, z) = p(x|z) p(z),  q(z|x) near p(z|x)

    Use it for a code to look at and to walk through: two dimensions for the eye, more of them for a
    better bound.

    "Auto-encoding variational Bayes" (Kingma and Welling, 2014, arXiv 1312.6114).
    """

    flat: ClassVar[bool] = True

    kind: Literal["vae"] = "vae"
    latent: int = Field(default=2, ge=1, le=4096)
    """Dimension of the code."""
    posterior: PosteriorConfig = DiagonalNormalConfig()
    """The family of q(z|x)."""
    prior: PriorConfig = StandardNormalConfig()
    """p(z)."""

    @property
    def words(self) -> str:
        """Such as `conv 2, mixture`; a prior that is standard normal goes without saying."""
        usual = self.prior.kind == "standard_normal"
        return f"{self.encoder.kind} {self.latent}" + ("" if usual else f", {self.prior.kind}")

    @property
    def prior_kind(self) -> str:
        """That of p(z)."""
        return self.prior.kind

    @property
    def conditional(self) -> bool:
        """Whether a network or the prior reads the class."""
        return self.condition.active or self.prior.reads_class

    @property
    def numbers_conditional(self) -> bool:
        """Whether the decoder or the prior reads the class."""
        return self.condition.decoder != "none" or self.prior.reads_class

    def build(self, image_shape: tuple[int, int, int], domain: Domain, classes: int) -> "VAE":
        """The model with freshly initialised parameters."""
        self.check(domain, classes)
        posterior = self.posterior.build(self.latent)
        encoder = self.build_encoder(self.latent, posterior, image_shape, classes)
        decoder = self.build_decoder(self.latent, image_shape, domain, classes)
        return VAE(
            encoder, decoder, self.prior, self.latent, image_shape, self.condition, classes,
            input_factor(domain),
        )  # fmt: skip


class VAE(FlatLatent):
    """p(x|z) p(z) and q(z|x).

    Args:
        encoder: q(z|x,c).
        decoder: p(x|z,c).
        prior: settings of p(z); built here, since a prior may encode images of its own.
        latent: dimension of the code.
        image_shape: `(c, h, w)`.
        condition: where the class is read.
        classes: number of classes in the data.
        input_factor: what the pixels are multiplied with on their way into the encoder.
    """

    def __init__(
        self,
        encoder: NetworkDistribution,
        decoder: NetworkDistribution,
        prior: BasePrior,
        latent: int,
        image_shape: tuple[int, int, int],
        condition: Condition,
        classes: int,
        input_factor: float,
    ) -> None:
        super().__init__()
        self.latent = latent
        self.input_factor = input_factor
        self.image_shape = image_shape
        self.classes = classes if condition.active or prior.reads_class else 0
        self.encoder = encoder
        self.decoder = decoder
        self.prior_reads_class = prior.reads_class
        encode = self._encode_pseudo_inputs if condition.encoder == "none" else None
        self.prior: Prior = prior.build(latent, image_shape, encode, classes)

    def encode(
        self, x: Float[Tensor, "b c h w"], context: Float[Tensor, "b classes"] | None = None
    ) -> Distribution:
        """q(z|x): batch shape `(b,)`, event shape `(d,)`."""
        return self._encode_input(x if self.input_factor == 1 else x * self.input_factor, context)

    def decode(
        self, z: Float[Tensor, "... d"], context: Float[Tensor, "... classes"] | None = None
    ) -> Distribution:
        """p(x|z): event shape `(c, h, w)`."""
        return self.decoder(z, context)

    def terms(
        self,
        x: Float[Tensor, "b c h w"],
        context: Float[Tensor, "b classes"] | None = None,
        *,
        noise: Float[Tensor, "k b d"],
    ) -> Terms:
        """The log densities at K posterior samples z = rsample(q(z|x), noise)."""
        posterior = self.encode(x, context)
        z = rsample(posterior, noise)
        level = Level(z, posterior, self.prior(context))
        return Terms(self.decode(z, context).log_prob(x), (level,))

    def _encode_input(self, x: Tensor, context: Tensor | None = None) -> Distribution:
        return self.encoder(x, context)

    def _encode_pseudo_inputs(self, x: Tensor) -> Distribution:
        # as in evaluation: in a batch of their own they would have moments of their own, and the
        # running ones, by which images are encoded afterwards, would follow both
        with running_moments(self.encoder):
            return self.encoder(x)

    def sample(self, num: int, context: Float[Tensor, "n classes"] | None = None) -> Distribution:
        """p(x|z) at `num` codes z ~ p(z), drawn from torch's global generator."""
        prior = self.prior(context)
        # p(z|c) is a batch of one distribution for each image already
        shape = torch.Size([] if prior.batch_shape else [num])
        return self.decode(prior.sample(shape), context)
