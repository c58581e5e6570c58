"""Residual networks: stages of residual blocks, the image halved or doubled between them."""

from math import prod, sqrt
from typing import Annotated, Literal

from pydantic import Field

from vaelab.errors import BadValueError
from vaelab.networks.base import (
    BaseDecoder,
    BaseEncoder,
    DecoderCondition,
    EncoderCondition,
    ImageShape,
    Width,
)
from vaelab.networks.conv import Norm, finish, refuse_one_hot
from vaelab.networks.convolutions import Convolution, TransposedConvolution
from vaelab.networks.layers import (
    Activate,
    Activation,
    AppendOneHot,
    ClassPlanes,
    Layer,
    Linear,
    Reshape,
)
from vaelab.networks.residual import Residual

Stages = Annotated[tuple[Width, ...], Field(min_length=1, max_length=12)]
Blocks = Annotated[int, Field(ge=1, le=64)]


class ResNetEncoder(BaseEncoder):
    """Residual blocks in stages, between which a convolution halves the image.

    A block adds what two 3 x 3 convolutions make of its input, each after its norm and activation.
    Use it for colour, for images of 32, 64 or 128 pixels, and wherever more depth than a few
    convolutions is wanted; each of n stages but the last halves the sides, which have to be
    multiples of 2^(n - 1).

    "Identity mappings in deep residual networks" (He et al., 2016, fig. 1b, arXiv 1603.05027).
    """

    kind: Literal["resnet"] = "resnet"
    widths: Stages = (16, 32, 64)
    """Channels in each stage; add 128 for images of 64 pixels, 128 and 256 for 128."""
    blocks: Blocks = 2
    """Residual blocks in each stage."""
    norm: Norm = "batch"
    """The norm before each activation."""
    activation: Activation = "silu"
    """The activation before each convolution of a block."""

    def trunk(self, shape: ImageShape, condition: EncoderCondition, classes: int) -> list[Layer]:
        """Class planes if asked for, a convolution, the stages, flatten."""
        refuse_one_hot(condition)
        _check_sides("encoder", self.widths, shape)
        layers: list[Layer] = []
        if condition == "planes":
            layers.append(ClassPlanes(shape, classes))
            shape = (shape[0] + classes, *shape[1:])
        bias = self.norm == "none"
        layers.append(Convolution(shape, self.widths[0], (3, 3), 1, 1, bias))
        image: ImageShape = (self.widths[0], *shape[1:])
        modulated = classes if condition == "film" else 0
        total = len(self.widths) * self.blocks
        for width in (*self.widths[1:], None):
            layers += self.blocks * [_block(image, self.norm, self.activation, modulated, total)]
            if width is not None:
                layers.append(Convolution(image, width, (2, 2), 2, 0, bias))
                image = (width, image[1] // 2, image[2] // 2)
        layers += finish(image, self.norm, 0, self.activation)
        return [*layers, Reshape(image, (prod(image),))]

    def mirrored(self) -> BaseDecoder:
        """The same stages the other way round."""
        return ResNetDecoder(
            widths=self.widths[::-1], blocks=self.blocks, norm=self.norm, activation=self.activation
        )


class ResNetDecoder(BaseDecoder):
    """Residual blocks in stages, between which a transposed convolution doubles the image.

    Use it opposite a `resnet` encoder, whose blocks it has. Each of n stages but the last doubles
    the sides, which have to be multiples of 2^(n - 1).

    "Identity mappings in deep residual networks" (He et al., 2016, fig. 1b, arXiv 1603.05027).
    """

    kind: Literal["resnet"] = "resnet"
    widths: Stages = (64, 32, 16)
    """Channels in each stage."""
    blocks: Blocks = 2
    """Residual blocks in each stage."""
    norm: Norm = "batch"
    """The norm before each activation."""
    activation: Activation = "silu"
    """The activation before each convolution of a block."""

    def trunk(
        self, latent: int, shape: ImageShape, condition: DecoderCondition, classes: int
    ) -> list[Layer]:
        """The class if asked for, the first image, the stages, a convolution."""
        _check_sides("decoder", self.widths, shape)
        layers: list[Layer] = []
        features = latent
        if condition == "one_hot":
            layers.append(AppendOneHot(features, classes))
            features += classes
        halvings = 2 ** (len(self.widths) - 1)
        image: ImageShape = (self.widths[0], shape[1] // halvings, shape[2] // halvings)
        layers += [Linear(features, prod(image)), Reshape((prod(image),), image)]
        modulated = classes if condition == "film" else 0
        total = len(self.widths) * self.blocks
        for width in (*self.widths[1:], None):
            layers += self.blocks * [_block(image, self.norm, self.activation, modulated, total)]
            if width is not None:
                layers.append(
                    TransposedConvolution(image, width, (2, 2), 2, 0, self.norm == "none")
                )
                image = (width, 2 * image[1], 2 * image[2])
        layers += finish(image, self.norm, 0, self.activation)
        layers.append(Convolution(image, shape[0], (3, 3), 1, 1, bias=True))
        return [*layers, Activate(shape, self.output_activation)]


def _block(
    image: ImageShape, norm: Norm, activation: Activation, classes: int, total: int
) -> Residual:
    """Norm, activation and convolution twice; FiLM by the class after the second norm."""
    convolution = Convolution(image, image[0], (3, 3), 1, 1, bias=norm == "none")
    first, second = (finish(image, norm, read, activation) for read in (0, classes))
    return Residual((*first, convolution, *second, convolution), 1 / sqrt(total))


def _check_sides(side: str, widths: Stages, shape: ImageShape) -> None:
    """Refuse an image that cannot be halved as often as there are stages to halve it."""
    step = 2 ** (len(widths) - 1)
    if any(length % step for length in shape[1:]):
        fitting = [f"{max(step, length // step * step)}" for length in shape[1:]]
        raise BadValueError(
            f"{side}: a resnet of {len(widths)} stages halves the image {len(widths) - 1} times, "
            f"so that its sides have to be multiples of {step}, but it is {shape[1]} x {shape[2]}; "
            f"use images of {' x '.join(fitting)}, or fewer entries in model.{side}.widths"
        )
