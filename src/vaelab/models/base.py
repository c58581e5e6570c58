"""What every model promises."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaelab.data.pixels import Domain
from vaelab.distributions import ConditionalDistribution, Family
from vaelab.errors import BadCombinationError
from vaelab.likelihoods import GaussianConfig, LikelihoodConfig
from vaelab.models.terms import Terms
from vaelab.networks import BaseDecoder, BaseEncoder, Network
from vaelab.networks.layers import Layer
from vaelab.registry import Axis, Kind


class LatentVariableModel(nn.Module, ABC):
    """p(x, z) and q(z|x).

    Attributes:
        image_shape: `(c, h, w)` of an image.
        classes: number of classes it is conditional on; 0 where it is not.
        certain: whether q(z|x) is one code, so that all samples of it are the same.
    """

    certain: ClassVar[bool] = False

    image_shape: tuple[int, int, int]
    classes: int

    @property
    @abstractmethod
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of the noise one posterior sample of one image needs."""

    @abstractmethod
    def terms(
        self,
        x: Float[Tensor, "b c h w"],
        context: Float[Tensor, "b classes"] | None = None,
        *,
        noise: Float[Tensor, "k b *latent"],
    ) -> Terms:
        """The log densities at K posterior samples.

        Args:
            x: images in the pixels' domain.
            context: one-hot classes, for a conditional model.
            noise: standard normal; its first dimension sets K.
        """

    @abstractmethod
    def reconstruct(
        self, x: Float[Tensor, "b c h w"], context: Float[Tensor, "b classes"] | None = None
    ) -> Distribution:
        """p(x|z) at the code that stands for x without noise; its `mean` is the picture."""

    @abstractmethod
    def sample(self, num: int, context: Float[Tensor, "n classes"] | None = None) -> Distribution:
        """p(x|z) at `num` codes drawn from the prior; its `mean` is the picture."""


class FlatLatent(LatentVariableModel, ABC):
    """A model whose code is one vector: what manifold, traversal and interpolation need.

    Attributes:
        latent: dimension d of the code.
    """

    latent: int

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """(d,)."""
        return (self.latent,)

    @abstractmethod
    def encode(
        self, x: Float[Tensor, "b c h w"], context: Float[Tensor, "b classes"] | None = None
    ) -> Distribution:
        """q(z|x): batch shape `(b,)`, event shape `(d,)`."""

    @abstractmethod
    def decode(
        self, z: Float[Tensor, "... d"], context: Float[Tensor, "... classes"] | None = None
    ) -> Distribution:
        """p(x|z): event shape `(c, h, w)`."""

    def reconstruct(
        self, x: Float[Tensor, "b c h w"], context: Float[Tensor, "b classes"] | None = None
    ) -> Distribution:
        """p(x|z) at the mean of q(z|x)."""
        return self.decode(self.encode(x, context).mean, context)


def as_flat(model: LatentVariableModel, what: str) -> FlatLatent:
    """The model, if its code is one vector.

    Args:
        model: of any kind.
        what: needs such a code; the beginning of the message.

    Raises:
        BadCombinationError: it is not.
    """
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

    latent: int
    """Dimension of the code, or of each of its entries."""

    likelihood: LikelihoodConfig = GaussianConfig()
    """The family of p(x|z)."""

    @property
    @abstractmethod
    def words(self) -> str:
        """Networks and sizes, for a list of runs."""

    @property
    @abstractmethod
    def prior_kind(self) -> str:
        """Name of the kind of its prior."""

    @property
    @abstractmethod
    def networks(self) -> tuple[BaseEncoder | BaseDecoder, ...]:
        """Those of its networks that are on an axis."""

    @property
    @abstractmethod
    def conditional(self) -> bool:
        """Whether any part of it reads the class, which then has to be given."""

    @property
    @abstractmethod
    def numbers_conditional(self) -> bool:
        """Whether decoder or prior read the class, so that its numbers are about p(x|c).

        An encoder that reads it is a better posterior of the same p(x).
        """

    @abstractmethod
    def build(
        self, image_shape: tuple[int, int, int], domain: Domain, classes: int
    ) -> LatentVariableModel:
        """The model with freshly initialised parameters.

        Args:
            image_shape: `(c, h, w)`.
            domain: of the pixels.
            classes: number of classes in the data.

        Raises:
            BadCombinationError: likelihood and pixels, or condition and data, do not go together.
            BadValueError: the networks do not fit the image.
        """


class NetworkDistribution(ConditionalDistribution):
    """A distribution whose parameters a network computes: q(z|x,c) or p(x|z,c).

    Args:
        trunk: layers from what is given to features, or to the parameters where there are no heads.
        heads: networks from the features to the parameters, concatenated in their order.
        family: parameters to distribution.
    """

    def __init__(self, trunk: list[Layer], heads: list[Network], family: Family) -> None:
        super().__init__()
        self.trunk = Network(trunk)
        self.heads = nn.ModuleList(heads)
        self.family = family

    def forward(
        self, given: Float[Tensor, "..."], context: Float[Tensor, "..."] | None = None
    ) -> Distribution:
        """The distribution at `given`."""
        features = self.trunk(given, context)
        if not self.heads:
            return self.family(features)
        if len(self.heads) == 1:
            return self.family(self.heads[0](features))
        return self.family(torch.cat([head(features) for head in self.heads], dim=-1))
