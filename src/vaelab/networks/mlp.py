"""Fully connected networks."""

from math import prod
from typing import Literal

from vaelab.errors import BadCombinationError
from vaelab.networks.base import (
    BaseDecoder,
    BaseEncoder,
    DecoderCondition,
    EncoderCondition,
    ImageShape,
    Widths,
)
from vaelab.networks.conditioning import with_class
from vaelab.networks.layers import Activate, Activation, Layer, Linear, Reshape
from vaelab.networks.network import dense


class MLPEncoder(BaseEncoder):
    """Fully connected layers on the flattened image."""

    advice = """Use it for small images with everything in its place, such as centred digits: it
        does not know which pixels are neighbours, and the first layer has a weight for every pixel
        and unit."""
    references = """
        "Learning representations by back-propagating errors" (Rumelhart et al., 1986, doi
        10.1038/323533a0)"""

    kind: Literal["mlp"] = "mlp"
    widths: Widths = (512, 256)
    """Widths of the hidden layers."""
    activation: Activation = "relu"
    """The activation after each."""

    def trunk(self, shape: ImageShape, condition: EncoderCondition, classes: int) -> list[Layer]:
        """Flatten, the class if asked for, then dense layers."""
        if condition == "film" and not self.widths:
            raise _nothing_hidden("encoder")
        planes, image = with_class(shape, classes if condition == "planes" else 0)
        flat = (prod(image),)
        one_hot, (features,) = with_class(flat, classes if condition == "one_hot" else 0)
        modulated = classes if condition == "film" else 0
        hidden = dense(features, self.widths, self.activation, modulated)
        return [*planes, Reshape(image, flat), *one_hot, *hidden]

    def mirrored(self) -> BaseDecoder:
        """The same widths the other way round, those of the heads first."""
        widths = (*self.widths, *self.heads)[::-1]
        return MLPDecoder(widths=widths, activation=self.activation)


class MLPDecoder(BaseDecoder):
    """Fully connected layers to a flattened image."""

    advice = "Use it for small images; opposite an `mlp` encoder it is there by default, mirrored."
    references = """
        "Learning representations by back-propagating errors" (Rumelhart et al., 1986, doi
        10.1038/323533a0)"""

    kind: Literal["mlp"] = "mlp"
    widths: Widths = (256, 512)
    """Widths of the hidden layers."""
    activation: Activation = "relu"
    """The activation after each."""

    def trunk(
        self, latent: int, shape: ImageShape, condition: DecoderCondition, classes: int
    ) -> list[Layer]:
        """The class if asked for, dense layers, then the image."""
        if condition == "film" and not self.widths:
            raise _nothing_hidden("decoder")
        layers, (features,) = with_class((latent,), classes if condition == "one_hot" else 0)
        modulated = classes if condition == "film" else 0
        layers += dense(features, self.widths, self.activation, modulated)
        features = self.widths[-1] if self.widths else features
        layers += [Linear(features, prod(shape)), Reshape((prod(shape),), shape)]
        return [*layers, Activate(shape, self.output_activation)]


def _nothing_hidden(side: str) -> BadCombinationError:
    return BadCombinationError(
        f"condition.{side} is `film`, which scales and shifts hidden layers, but "
        f"model.{side}.widths is empty; use `one_hot`, or give it hidden layers"
    )
