"""What every network config promises: layers of an encoder, layers of a decoder."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from vaelab.networks.layers import Activation, Layer, Linear, Shape
from vaelab.networks.network import Network, dense
from vaelab.registry import Axis, Kind

Width = Annotated[int, Field(ge=1, le=65_536)]
Widths = Annotated[tuple[Width, ...], Field(max_length=64)]
ImageShape = tuple[int, int, int]
EncoderCondition = Literal["none", "planes", "one_hot", "film"]
DecoderCondition = Literal["none", "one_hot", "film"]


def as_image(shape: Shape) -> ImageShape:
    """A shape that is known to be one of an image."""
    channels, height, width = shape
    return channels, height, width


class BaseEncoder(Kind, ABC):
    """Image to features, and features to the parameters of the posterior."""

    axis = Axis(
        "encoder", "model.encoder",
        "The network from an image x to the parameters of the posterior q(z|x).",
    )  # fmt: skip

    heads: Widths = ()
    """Widths of hidden layers that each parameter of the posterior has for itself."""
    heads_activation: Activation = "relu"
    """The activation between them; `identity` makes them linear."""

    @abstractmethod
    def trunk(self, shape: ImageShape, condition: EncoderCondition, classes: int) -> list[Layer]:
        """Layers from an image `(c, h, w)` to a vector of features.

        Raises:
            BadCombinationError: the network cannot take the class in this way.
            BadValueError: a layer would leave nothing of the image.
        """

    @abstractmethod
    def mirrored(self) -> "BaseDecoder":
        """The decoder that undoes this encoder step by step."""

    def build_heads(self, features: int, sizes: Sequence[int]) -> list[Network]:
        """Networks from the features to each parameter; one for all where they share no layers."""
        if not self.heads:
            return [Network([Linear(features, sum(sizes))])]
        hidden = dense(features, self.heads, self.heads_activation)
        return [Network([*hidden, Linear(self.heads[-1], size)]) for size in sizes]


class BaseDecoder(Kind, ABC):
    """Code to the parameters of the likelihood."""

    axis = Axis(
        "decoder", "model.decoder",
        "The network from a code z to the parameters of the likelihood p(x|z).",
    )  # fmt: skip

    output_activation: Activation = "identity"
    """Function applied to the output; `identity` where the likelihood wants logits."""

    @abstractmethod
    def trunk(
        self, latent: int, shape: ImageShape, condition: DecoderCondition, classes: int
    ) -> list[Layer]:
        """Layers from a code `(latent,)` to the likelihood's parameters, `shape` = (c, h, w).

        Raises:
            BadValueError: the layers cannot reach the image's size.
        """
