"""The variational autoencoder."""

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.distributions import Distribution

from vaelab.config import Config
from vaelab.data.pixels import Domain
from vaelab.distributions import DiagonalNormalConfig, Family, PosteriorConfig, rsample
from vaelab.errors import BadCombinationError
from vaelab.likelihoods import GaussianConfig, LikelihoodConfig
from vaelab.likelihoods.base import RANGE
from vaelab.models.base import FlatLatent, NetworkDistribution
from vaelab.models.terms import Level, Terms
from vaelab.networks import DecoderConfig, EncoderConfig, MLPEncoder
from vaelab.networks.base import DecoderCondition, EncoderCondition
from vaelab.networks.layers import Layer
from vaelab.priors import BasePrior, Prior, PriorConfig, StandardNormalConfig


class Condition(Config):
    """Where the model reads the class of an image.

    "Learning structured output representation using deep conditional generative models" (Sohn et
    al., 2015).
    """

    encoder: EncoderCondition = "none"
    """`planes` stacked onto the image, `one_hot` appended to an mlp's input, or `none`."""
    decoder: DecoderCondition = "none"
    """`one_hot` appended to the code, or `none`."""

    @property
    def active(self) -> bool:
        """Whether anything reads the class."""
        return self.encoder != "none" or self.decoder != "none"


class VAEConfig(Config):
    """A variational autoencoder with one vector of latent variables.

    "Auto-encoding variational Bayes" (Kingma and Welling, 2014, arXiv 1312.6114).
    """

    kind: Literal["vae"] = "vae"
    latent: int = Field(default=2, ge=1, le=4096)
    """Dimension of the code."""
    encoder: EncoderConfig = MLPEncoder()
    """The network of q(z|x)."""
    decoder: DecoderConfig | None = None
    """The network of p(x|z); null: the encoder mirrored."""
    posterior: PosteriorConfig = DiagonalNormalConfig()
    """The family of q(z|x)."""
    likelihood: LikelihoodConfig = GaussianConfig()
    """The family of p(x|z)."""
    prior: PriorConfig = StandardNormalConfig()
    """p(z)."""
    condition: Condition = Condition()
    """Where the class is read."""

    def build(self, image_shape: tuple[int, int, int], domain: Domain, classes: int) -> "VAE":
        """The model with freshly initialised parameters.

        Args:
            image_shape: `(c, h, w)`.
            domain: of the pixels.
            classes: number of classes in the data.

        Raises:
            BadCombinationError: likelihood and pixels, or condition and data, do not go together.
            BadValueError: the networks do not fit the image.
        """
        self.likelihood.check(domain)
        if self.condition.active and classes < 2:
            raise BadCombinationError(
                f"model.condition reads the class, but the data has {classes}; "
                "use `condition: {encoder: none, decoder: none}` or data with several classes"
            )
        posterior = self.posterior.build(self.latent)
        trunk = self.encoder.trunk(image_shape, self.condition.encoder, classes)
        sizes = posterior.sizes(self.latent)
        features = trunk[-1].output_shape[0]
        encoder = NetworkDistribution(trunk, self.encoder.build_heads(features, sizes), posterior)

        likelihood = self.likelihood.build(domain)
        layers = self._decoder_trunk(image_shape, likelihood, classes)
        decoder = NetworkDistribution(layers, [], likelihood)
        # a network whose inputs reach 255 hardly learns
        factor = 1 / RANGE[domain] if domain is Domain.LEVELS else 1.0
        return VAE(
            encoder, decoder, self.prior, self.latent, image_shape, self.condition, classes, factor
        )

    def _decoder_trunk(
        self, image_shape: tuple[int, int, int], likelihood: Family, classes: int
    ) -> list[Layer]:
        config = self.encoder.mirrored() if self.decoder is None else self.decoder
        if self.likelihood.needs_raw and config.output_activation != "identity":
            raise BadCombinationError(
                f"likelihood `{self.likelihood.kind}` takes any real number from the decoder, but "
                f"model.decoder.output_activation is `{config.output_activation}`; use "
                "`output_activation: identity`"
            )
        channels, height, width = image_shape
        shape = (likelihood.params_size(channels), height, width)
        return config.trunk(self.latent, shape, self.condition.decoder, classes)


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
        encode = self._encode_input if condition.encoder == "none" else None
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

    def sample(self, num: int, context: Float[Tensor, "n classes"] | None = None) -> Distribution:
        """p(x|z) at `num` codes z ~ p(z), drawn from torch's global generator."""
        prior = self.prior(context)
        # p(z|c) is a batch of one distribution for each image already
        shape = torch.Size([] if prior.batch_shape else [num])
        return self.decode(prior.sample(shape), context)
