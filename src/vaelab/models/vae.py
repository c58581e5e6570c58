"""The variational autoencoder."""

from collections.abc import Collection, Sequence
from functools import partial
from typing import ClassVar, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Distribution

from vaelab.config import Config, validate
from vaelab.data.pixels import Domain
from vaelab.distributions import (
    BasePosterior,
    DiagonalNormalConfig,
    Family,
    PosteriorConfig,
    rsample_and_log_prob,
)
from vaelab.errors import BadCombinationError, BadValueError
from vaelab.likelihoods import BaseLikelihood, Likelihood, LikelihoodConfig
from vaelab.models.base import ConditionalDistribution, FlatLatent, OneLevel
from vaelab.models.ends import BaseVectorModel, input_factor
from vaelab.models.inputs import (
    Classes,
    Codes,
    Images,
    Noise,
    context_of,
    takes_codes,
    takes_images,
)
from vaelab.models.terms import Level, Terms
from vaelab.networks import Network, OwnNetwork
from vaelab.networks.base import ImageShape
from vaelab.networks.batch_norm import running_moments
from vaelab.networks.layers import Linear
from vaelab.priors import BasePrior, Prior, PriorConfig, StandardNormalConfig


class VAEConfig(BaseVectorModel):
    """A variational autoencoder with one vector of latent variables."""

    formula = "p(x, z) = p(x|z) p(z),  q(z|x) near p(z|x)"
    advice = """Use it for a code to look at and to walk through: two dimensions for the eye, more
        of them for a better bound."""
    references = '"Auto-encoding variational Bayes" (Kingma and Welling, 2014, arXiv 1312.6114)'

    flat: ClassVar[bool] = True

    kind: Literal["vae"] = "vae"
    latent: int = Field(default=2, ge=1, le=4096)
    """Dimension of the code."""
    posterior: PosteriorConfig = DiagonalNormalConfig()
    """The family of q(z|x)."""
    prior: PriorConfig = StandardNormalConfig()
    """p(z)."""

    def build(self, image_shape: ImageShape, domain: Domain, classes: int) -> "VAE":
        self.check(domain, classes)
        posterior = self.posterior.build(self.latent)
        encoder = self.build_encoder(self.latent, posterior, image_shape, classes)
        decoder = self.build_decoder(self.latent, image_shape, domain, classes)
        model = VAE(
            encoder, decoder, self.prior, cast(Likelihood, decoder.family), encoder.family,
            self.latent, reads_class=self.condition.readers,
        )  # fmt: skip
        model.prepare(image_shape, domain, classes)
        return model


class Parts(Config):
    """Settings of parts of a VAE; None: of a part that was given as a module."""

    prior: PriorConfig | None
    """Of p(z)."""
    likelihood: LikelihoodConfig | None
    """Of the family of p(x|z)."""
    posterior: PosteriorConfig | None
    """Of the family of q(z|x)."""


UNDECIDED = (
    "this model has not been told what its images are like, of which parts of it are made; "
    "vaelab.fit(model, data=...) does, or model.prepare((1, 28, 28), Domain.UNIT, classes=0)"
)


class UndecidedLikelihood(Likelihood):
    """A family that is not made yet, and raises."""

    parameter_names = ()

    def forward(self, params: Tensor) -> Distribution:
        raise BadValueError(UNDECIDED)


class UndecidedPrior(Prior):
    """A prior that is not made yet, and raises."""

    def forward(self, context: Tensor | None = None) -> Distribution:
        raise BadValueError(UNDECIDED)


class VAE(FlatLatent, OneLevel):
    """p(x|z) p(z) and q(z|x), from an encoder and a decoder that may be any modules.

        VAE(encoder, decoder, prior="vamp", likelihood="bernoulli", latent=8)

    The encoder takes images `(b, c, h, w)` (levels divided by 255) and gives the parameters of
    q(z|x): of `diagonal_normal` the location and the log variance, `2 latent` numbers, as one
    tensor or as two. With `features` it gives so many features, and a linear layer makes the
    parameters of them. The decoder takes codes `(b, latent)` and gives the parameters of p(x|z), of
    `gaussian` one for each pixel. Prior, likelihood and posterior are modules, or settings or names
    of kinds as in a config. What depends on the images is made when `prepare` tells what they are
    like, which `vaelab.fit` does.

    Args:
        encoder: a module, or q(z|x,c) as a `ConditionalDistribution`.
        decoder: a module, or p(x|z,c) likewise.
        prior: p(z).
        likelihood: the family of p(x|z), where the decoder is a module.
        posterior: the family of q(z|x), where the encoder is a module.
        latent: dimension of the code.
        features: how many the encoder gives; None: it gives the parameters of the posterior.
        reads_class: which of `encoder` and `decoder` read the class: modules of (x, context), the
            context one-hot.

    Raises:
        BadValueError: there is no such kind.
    """

    fitted_priors: ClassVar[tuple[str, ...]] = ("mixture", "flow")

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        prior: Prior | BasePrior | str = "standard_normal",
        likelihood: Likelihood | BaseLikelihood | str = "gaussian",
        posterior: Family | BasePosterior | str = "diagonal_normal",
        latent: int = 2,
        *,
        features: int | None = None,
        reads_class: Collection[str] = (),
    ) -> None:
        super().__init__()
        self.latent, self.features, self.input_factor = latent, features, 1.0
        self.reads_class = {reads_class} if isinstance(reads_class, str) else set(reads_class)
        if wrong := self.reads_class - {"encoder", "decoder"}:
            raise BadValueError(f"reads_class is of `encoder` and `decoder`, not of {min(wrong)!r}")
        parts = {"prior": prior, "likelihood": likelihood, "posterior": posterior}
        plain = {
            name: None if isinstance(part, nn.Module) else part for name, part in parts.items()
        }
        self.settings = validate(Parts, plain, "vaelab.VAE")
        chosen = self.settings.posterior
        family = chosen.build(latent) if chosen is not None else cast(Family, posterior)
        heads = []
        if features is not None:
            heads = [Network([Linear(features, family.params_size(latent))])]
        self.encoder = self._distribution("encoder", encoder, heads, family)
        later = likelihood if isinstance(likelihood, Likelihood) else UndecidedLikelihood()
        self.decoder = self._distribution("decoder", decoder, [], later)
        self.prior: Prior = prior if isinstance(prior, Prior) else UndecidedPrior()

    def prepare(self, image_shape: ImageShape, domain: Domain, classes: int) -> None:
        super().prepare(image_shape, domain, classes)
        self.input_factor = input_factor(domain)
        likelihood, prior = self.settings.likelihood, self.settings.prior
        if likelihood is not None:
            likelihood.check(domain)
        if isinstance(self.decoder.family, UndecidedLikelihood) and likelihood is not None:
            self.decoder.family = likelihood.build(domain)
        if isinstance(self.prior, UndecidedPrior) and prior is not None:
            self.prior = prior.build(self.latent, classes)
        reads = bool(self.reads_class) or self.prior.reads_class
        if reads and classes < 2:
            raise BadCombinationError(
                f"the model reads the class, but the data has {classes}; give labels: data=(x, y)"
            )
        self.classes = classes if reads else 0
        self._check_networks(image_shape)
        encode = None if "encoder" in self.reads_class else self._encode_pseudo_inputs
        self.prior.bind(encode, image_shape)

    def _distribution(
        self, side: str, module: nn.Module, heads: Sequence[nn.Module], family: Family
    ) -> ConditionalDistribution:
        if isinstance(module, ConditionalDistribution):
            return module
        trunk = OwnNetwork(module, {"encoder": 3, "decoder": 1}[side], side in self.reads_class)
        return ConditionalDistribution(trunk, heads, family)

    def _check_networks(self, image_shape: ImageShape) -> None:
        """Refuse modules that give another number of values than their families take."""
        channels, height, width = image_shape
        weight = next(self.parameters())
        encoder, decoder = self.encoder, self.decoder
        if isinstance(encoder.trunk, OwnNetwork):
            family, size = encoder.family, encoder.family.params_size(self.latent)
            parts = zip(family.parameter_names, family.sizes(self.latent), strict=True)
            words = " + ".join(f"{count} {name}" for name, count in parts)
            of = f"{size} parameters of q(z|x), a {type(family).__name__} ({words})"
            advice = f", the {of} of latent={self.latent}; or say features=NUMBER of it"
            if self.features is not None:
                size, advice = self.features, f": features={self.features}, of which come the {of}"
            encoder.trunk.fit(
                "the encoder", weight.new_zeros(1, *image_shape), self.classes, (size,), advice
            )
        if isinstance(decoder.trunk, OwnNetwork):
            shape = decoder.family.params_size(channels), height, width
            advice = (
                f" ({' x '.join(map(str, shape))}), the parameters of p(x|z), a "
                f"{type(decoder.family).__name__} of images of {channels} x {height} x {width}"
            )
            decoder.trunk.fit(
                "the decoder", weight.new_zeros(1, self.latent), self.classes, shape, advice
            )

    @takes_images
    def encode(self, x: Images, context: Classes = None) -> Distribution:
        return self.encoder(x if self.input_factor == 1 else x * self.input_factor, context)

    @takes_codes
    def decode(self, z: Codes, context: Classes = None) -> Distribution:
        if z.shape[-1:] != (self.latent,):
            raise BadValueError(
                f"codes of shape {tuple(z.shape)}, but the model has codes of {self.latent} "
                f"numbers: (n, {self.latent})"
            )
        return self.decoder(z, context)

    def terms(self, x: Images, context: Classes = None, *, noise: Noise) -> Terms:
        """The log densities at K posterior samples z = rsample(q(z|x), noise)."""
        posterior = self.encode(x, context)
        z, log_q = rsample_and_log_prob(posterior, noise)
        level = Level(z, posterior, self.prior(context), log_q)
        likelihood = self.decode(z, context)
        updates = (partial(self.decoder.family.follow, likelihood, x),) if self.training else ()
        return Terms(likelihood.log_prob(x), (level,), updates=updates)

    def _encode_pseudo_inputs(self, x: Tensor) -> Distribution:
        # as in evaluation: in a batch of their own they would have moments of their own, and the
        # running ones, by which images are encoded afterwards, would follow both
        with running_moments(self.encoder):
            return self.encoder(x)

    @torch.no_grad()
    def sample(self, num: int, context: Classes = None) -> Distribution:
        """p(x|z) at `num` codes z ~ p(z), drawn from torch's global generator."""
        context = context_of(self, context)
        prior = self.prior(context)
        # p(z|c) is a batch of one distribution for each image already
        shape = torch.Size([] if prior.batch_shape else [num])
        return self.decode(prior.sample(shape), context)
