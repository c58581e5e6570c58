"""What every model promises."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaelab.data.pixels import Domain, Pixels
from vaelab.distributions import Family
from vaelab.errors import BadCombinationError
from vaelab.likelihoods import GaussianConfig, Likelihood, LikelihoodConfig
from vaelab.models.inputs import (
    Classes,
    Codes,
    Images,
    Noise,
    context_of,
    pictures_of,
    takes_images,
)
from vaelab.models.printing import lines, sides
from vaelab.models.terms import Terms
from vaelab.networks import BaseDecoder, BaseEncoder, Network, OwnNetwork
from vaelab.networks.base import ImageShape
from vaelab.networks.layers import Layer
from vaelab.priors import Prior
from vaelab.registry import Axis, Kind

NO_IMAGE = (0, 0, 0)


class LatentVariableModel(nn.Module, ABC):
    """p(x, z) and q(z|x).

    Attributes:
        image_shape: `(c, h, w)` of an image; zeros before `prepare`.
        classes: number of classes it is conditional on; 0 where it is not.
        certain: whether q(z|x) is one code, so that all samples of it are the same.
        pixels: what a pixel is to it; None: nobody has said so yet.
    """

    certain: ClassVar[bool] = False

    image_shape: ImageShape = NO_IMAGE
    classes: int = 0
    pixels: Pixels | None = None

    def prepare(self, image_shape: ImageShape, domain: Domain, classes: int) -> None:
        """Be told what the images are like, before the first of them.

        Args:
            image_shape: `(c, h, w)`.
            domain: of the pixels.
            classes: number of classes in the data.

        Raises:
            BadCombinationError: the model does not go with them.
        """
        if self.image_shape not in (NO_IMAGE, image_shape):
            raise BadCombinationError(
                f"the model is one of images of {sides(self.image_shape)}, and these are "
                f"{sides(image_shape)} (channels x height x width)"
            )
        self.image_shape = image_shape

    def __repr__(self) -> str:
        """What it is of, and a line for each of its parts."""
        return lines(self)

    @property
    @abstractmethod
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of the noise one posterior sample of one image needs."""

    @abstractmethod
    def terms(self, x: Images, context: Classes = None, *, noise: Noise) -> Terms:
        """The log densities at K posterior samples.

        Args:
            x: images in the pixels' domain.
            context: one-hot classes, for a conditional model.
            noise: standard normal; its first dimension sets K.
        """

    @abstractmethod
    def reconstruct(self, x: Images, context: Classes = None) -> Distribution:
        """p(x|z) at the code that stands for x without noise; its `mean` is the picture."""

    @abstractmethod
    def sample(self, num: int, context: Classes = None) -> Distribution:
        """p(x|z) at `num` codes drawn from the prior, without gradients; its `mean` is the picture.

        A `torch.distributions` object: `.mean` are the pictures, `.sample()` draws pixels, `(n, c,
        h, w)`. `sample_images` gives the pictures as an array.
        """

    @torch.no_grad()
    def sample_images(self, num: int, context: Any = None) -> np.ndarray:
        """The means of p(x|z) at `num` codes drawn from the prior, as an array.

        Args:
            num: how many.
            context: for a conditional model: labels `(n,)`, or one-hot classes.

        Returns:
            `(n, c, h, w)`: uint8 from 0 to 255; floats in their domain where the data was floats.

        Raises:
            BadValueError: the model does not know what a pixel is.
        """
        return pictures_of(self, self.sample(num, context_of(self, context)).mean)


class EncoderDecoder(LatentVariableModel, ABC):
    """A model with one code for an image: q(z|x) and p(x|z)."""

    @abstractmethod
    def encode(self, x: Images, context: Classes = None) -> Distribution:
        """q(z|x): batch shape `(b,)`.

        vaelab's own models also take arrays and uint8 `(n, h, w)`, `(n, h, w, c)` or
        `(n, c, h, w)`, and labels as `context`; what is made of these has no gradient.
        """

    @abstractmethod
    def decode(self, z: Codes, context: Classes = None) -> Distribution:
        """p(x|z): event shape `(c, h, w)`."""


class OneLevel(EncoderDecoder, ABC):
    """A model with one p(z), which another may take the place of.

    Attributes:
        prior: p(z).
        fitted_priors: kinds of prior that `vaelab fit-prior` learns from its codes, the usual one
            first.
    """

    prior: Prior
    fitted_priors: ClassVar[tuple[str, ...]]


class Explorable(LatentVariableModel, ABC):
    """A model that the explorer shows: an image is a row of d numbers to it.

    Attributes:
        latent: d.
        entries: of the codebook that each of the numbers is one of; 0: they are a vector.
        reads_class: which of `encoder` and `decoder` read the class.
    """

    latent: int
    entries: int = 0
    reads_class: Collection[str] = ()

    @abstractmethod
    def to_numbers(self, x: Images, context: Classes = None) -> tuple[Tensor, Tensor]:
        """The numbers that stand for images, `(b, d)`, and the standard deviation of each."""

    @abstractmethod
    def of_numbers(self, z: Float[Tensor, "b d"], context: Classes = None) -> Distribution:
        """p(x|z), from numbers again."""


class FlatLatent(EncoderDecoder, Explorable, ABC):
    """A model whose code is one vector `(d,)`: what manifold, traversal and interpolation need."""

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """(d,)."""
        return (self.latent,)

    def to_numbers(self, x: Images, context: Classes = None) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of q(z|x)."""
        posterior = self.encode(x, context)
        return posterior.mean, posterior.stddev

    def of_numbers(self, z: Float[Tensor, "b d"], context: Classes = None) -> Distribution:
        return self.decode(z, context)

    @takes_images
    def reconstruct(self, x: Images, context: Classes = None) -> Distribution:
        """p(x|z) at the mean of q(z|x)."""
        return self.decode(self.encode(x, context).mean, context)


def likelihood_of(model: LatentVariableModel) -> Likelihood | None:
    """The family of p(x|z), where the model has one for a part."""
    return next((part for part in model.modules() if isinstance(part, Likelihood)), None)


def as_flat(model: LatentVariableModel, what: str) -> FlatLatent:
    """The model, if its code is one vector."""
    if isinstance(model, FlatLatent):
        return model
    raise BadCombinationError(
        f"{what} needs a code that is one vector, and a {type(model).__name__} has none; "
        "use `model: vae`"
    )


class BaseModel(Kind, ABC):
    """Settings of a model."""

    axis = Axis(
        "model", "model",
        "Which latent variables there are, and how they and the image depend on each other.",
    )  # fmt: skip

    flat: ClassVar[bool]
    """Whether what it builds is a `FlatLatent`."""
    explorable: ClassVar[bool] = True  # whether that is `Explorable`
    certain: ClassVar[bool] = False
    """Whether q(z|x) is one code, which no gradient of the rate reaches."""

    latent: int
    """Dimension of the code, or of each of its entries."""

    likelihood: LikelihoodConfig = GaussianConfig()
    """The family of p(x|z)."""

    @property
    def prior_kind(self) -> str:
        """Name of the kind of its prior; empty where that is on no axis."""
        prior = dict(self).get("prior")
        return prior.kind if isinstance(prior, Kind) else ""

    @property
    def networks(self) -> tuple[BaseEncoder | BaseDecoder, ...]:
        """Those of its networks that are on an axis."""
        values = dict(self).values()
        return tuple(one for one in values if isinstance(one, BaseEncoder | BaseDecoder))

    @property
    def conditional(self) -> bool:
        """Whether any part of it reads the class, which then has to be given."""
        return False

    @property
    def numbers_conditional(self) -> bool:
        """Whether decoder or prior read the class, so that its numbers are about p(x|c).

        An encoder that reads it is a better posterior of the same p(x).
        """
        return False

    @abstractmethod
    def build(self, image_shape: ImageShape, domain: Domain, classes: int) -> LatentVariableModel:
        """The model with freshly initialised parameters.

        Args:
            image_shape: `(c, h, w)`.
            domain: of the pixels.
            classes: number of classes in the data.

        Raises:
            BadCombinationError: likelihood and pixels, or condition and data, do not go together.
            BadValueError: the networks do not fit the image.
        """


class ConditionalDistribution(nn.Module):
    """A distribution whose parameters a network computes: q(z|x,c) or p(x|z,c).

    Args:
        trunk: a network from what is given to features, or to the parameters where there are no
            heads; or its layers.
        heads: networks from the features to the parameters, concatenated in their order.
        family: parameters to distribution.
    """

    __call__: Callable[..., Distribution]

    def __init__(
        self, trunk: list[Layer] | OwnNetwork, heads: Sequence[nn.Module], family: Family
    ) -> None:
        super().__init__()
        self.trunk = trunk if isinstance(trunk, OwnNetwork) else Network(trunk)
        self.heads = nn.ModuleList(heads)
        self.family = family

    def forward(
        self, given: Float[Tensor, "..."], context: Float[Tensor, "..."] | None = None
    ) -> Distribution:
        """The distribution at `given`, with one-hot classes as `context` where it is conditional.

        Raises:
            TypeError: the distribution is conditional and no context was given.
        """
        features = self.trunk(given, context)
        if not self.heads:
            return self.family(features)
        if len(self.heads) == 1:
            return self.family(self.heads[0](features))
        return self.family(torch.cat([head(features) for head in self.heads], dim=-1))
