"""Both ends of a model with vectors for codes: from an image to a vector, and back."""

from abc import ABC

from vaelab.config import Config
from vaelab.data.pixels import Domain
from vaelab.distributions import Family
from vaelab.errors import BadCombinationError
from vaelab.likelihoods import LikelihoodConfig
from vaelab.likelihoods.base import RANGE
from vaelab.models.base import BaseModel, ConditionalDistribution
from vaelab.networks import BaseDecoder, DecoderConfig, EncoderConfig, MLPEncoder
from vaelab.networks.base import DecoderCondition, EncoderCondition, ImageShape


class Condition(Config):
    """Where the model reads the class of an image.

    `film` scales and shifts hidden channels by the class, which starts as no change: "FiLM: Visual
    reasoning with a general conditioning layer" (Perez et al., 2018, arXiv 1709.07871).

    "Learning structured output representation using deep conditional generative models" (Sohn et
    al., 2015).
    """

    encoder: EncoderCondition = "none"
    """The class: `planes` on the image, `one_hot` beside an mlp's input, `film`, or `none`."""
    decoder: DecoderCondition = "none"
    """The class: `one_hot` appended to the code, `film`, or `none`."""

    @property
    def active(self) -> bool:
        """Whether anything reads the class."""
        return bool(self.readers)

    @property
    def readers(self) -> list[str]:
        """Which of `encoder` and `decoder` read it."""
        return [side for side, how in self if how != "none"]


class BaseVectorModel(BaseModel, ABC):
    """Settings of a model whose code next to the image is one vector."""

    encoder: EncoderConfig = MLPEncoder()
    """The network from the image to the posterior of the code."""
    decoder: DecoderConfig | None = None
    """The network from the code to the image; null: the encoder mirrored."""
    condition: Condition = Condition()
    """The places where the class is read."""

    @property
    def conditional(self) -> bool:
        return self.condition.active or self.numbers_conditional

    @property
    def numbers_conditional(self) -> bool:
        return self.condition.decoder != "none" or bool(dict(self)["prior"].reads_class)

    def check(self, domain: Domain, classes: int) -> None:
        """Refuse pixels that the likelihood has no density for, and classes that are not there."""
        self.likelihood.check(domain)
        if self.condition.active and classes < 2:
            raise BadCombinationError(
                f"model.condition reads the class, but the data has {classes}; "
                "use `condition: {encoder: none, decoder: none}` or data with several classes"
            )

    def build_encoder(
        self, latent: int, family: Family, image_shape: ImageShape, classes: int
    ) -> ConditionalDistribution:
        """q(z|x,c) of `latent` dimensions."""
        trunk = self.encoder.trunk(image_shape, self.condition.encoder, classes)
        features = trunk[-1].output_shape[0]
        heads = self.encoder.build_heads(features, family.sizes(latent))
        return ConditionalDistribution(trunk, heads, family)

    def build_decoder(
        self, latent: int, image_shape: ImageShape, domain: Domain, classes: int
    ) -> ConditionalDistribution:
        """p(x|z,c) at codes of `latent` dimensions."""
        config = self.encoder.mirrored() if self.decoder is None else self.decoder
        check_output(self.likelihood, config)
        likelihood = self.likelihood.build(domain)
        channels, height, width = image_shape
        shape = (likelihood.params_size(channels), height, width)
        trunk = config.trunk(latent, shape, self.condition.decoder, classes)
        return ConditionalDistribution(trunk, [], likelihood)


def check_output(likelihood: LikelihoodConfig, decoder: BaseDecoder) -> None:
    """Refuse a decoder that bounds what the likelihood takes any number for."""
    if likelihood.needs_raw and decoder.output_activation != "identity":
        raise BadCombinationError(
            f"likelihood `{likelihood.kind}` takes any real number from the decoder, but "
            f"model.decoder.output_activation is `{decoder.output_activation}`; use "
            "`output_activation: identity`"
        )


def input_factor(domain: Domain) -> float:
    """What pixels are multiplied with on their way into an encoder."""
    # a network whose inputs reach 255 hardly learns
    return 1 / RANGE[domain] if domain is Domain.LEVELS else 1.0
