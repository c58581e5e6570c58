"""What every model promises."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaelab.distributions import ConditionalDistribution, Family
from vaelab.models.terms import Terms
from vaelab.networks import Network
from vaelab.networks.layers import Layer


class LatentVariableModel(nn.Module, ABC):
    """p(x, z) and q(z|x).

    Attributes:
        image_shape: `(c, h, w)` of an image.
        classes: number of classes it is conditional on; 0 where it is not.
    """

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
