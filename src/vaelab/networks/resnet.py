"""Residual networks: stages of residual blocks, the image halved or doubled between them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod, sqrt
from typing import Annotated, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from vaelab.errors import BadValueError
from vaelab.networks.base import (
    BaseDecoder,
    BaseEncoder,
    DecoderCondition,
    EncoderCondition,
    ImageShape,
    Width,
    as_image,
)
from vaelab.networks.conditioning import with_class
from vaelab.networks.conv import Norm, finish, refuse_one_hot
from vaelab.networks.convolutions import Convolution, TransposedConvolution
from vaelab.networks.exported import Operation
from vaelab.networks.layers import (
    Activate,
    Activation,
    Layer,
    Linear,
    Reshape,
    Shape,
    apply_plain,
    check_follow,
    operations_of,
)


@dataclass(frozen=True)
class Residual(Layer):
    """y = x + f(x), f being layers one after the other, the last of them with a weight.

    "Identity mappings in deep residual networks" (He et al., 2016, eq. 3, arXiv 1603.05027).

    Attributes:
        inner: the layers of f, whose output has the shape of its input.
        gain: what the last weight is multiplied with before training; 1 / sqrt(n) for n blocks
            keeps the variance of their sum, "Very deep VAEs generalize autoregressive models and
            can outperform them on images" (Child, 2021, arXiv 2011.10650).
    """

    inner: tuple[Layer, ...]
    gain: float

    def __post_init__(self) -> None:
        check_follow([*self.inner, self.inner[0]])

    @property
    def input_shape(self) -> Shape:
        return self.inner[0].input_shape

    @property
    def output_shape(self) -> Shape:
        return self.input_shape

    @property
    def multiply_adds(self) -> int:
        return sum(layer.multiply_adds for layer in self.inner)

    @property
    def reads_class(self) -> bool:
        return any(layer.reads_class for layer in self.inner)

    @property
    def words(self) -> tuple[str, ...]:
        inner = Counter(words[0] for layer in self.inner if (words := layer.words))
        counted = (f"{count} × {word}" if count > 1 else word for word, count in inner.items())
        return ("residual block", *counted)

    def module(self) -> nn.Module:
        """A module of x, or of (x, context) where it reads the class."""
        return _Residual(self.inner, self.gain)

    def operations(self, module: nn.Module) -> list[Operation]:
        inner = operations_of(self.inner, cast(_Residual, module).stack)
        return [Operation("add", self.output_shape, summand=tuple(inner))]


class _Residual(nn.Module):
    def __init__(self, layers: Sequence[Layer], gain: float) -> None:
        super().__init__()
        self.layers = tuple(layers)
        self.stack = nn.ModuleList(layer.module() for layer in layers)
        with torch.no_grad():
            cast(Tensor, self.stack[-1].weight).mul_(gain)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        return x + apply_plain(self.layers, self.stack, x, context)


Stages = Annotated[tuple[Width, ...], Field(min_length=1, max_length=12)]
Blocks = Annotated[int, Field(ge=1, le=64)]


class ResNetEncoder(BaseEncoder):
    """Residual blocks in stages, between which a convolution halves the image.

    A block adds what two 3 x 3 convolutions make of its input, each after its norm and activation.
    """

    advice = """Use it for colour, for images of 32, 64 or 128 pixels, and wherever more depth than
        a few convolutions is wanted; each of n stages but the last halves the sides, which have to
        be multiples of 2^(n - 1)."""
    references = """
        "Identity mappings in deep residual networks" (He et al., 2016, fig. 1b, arXiv
        1603.05027)"""

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
        layers, shape = with_class(shape, classes if condition == "planes" else 0)
        bias = self.norm == "none"
        layers.append(Convolution(shape, self.widths[0], (3, 3), 1, 1, bias))
        image: ImageShape = (self.widths[0], *shape[1:])
        stages = _stages(self, image, classes if condition == "film" else 0, Convolution)
        last = stages[-1].output_shape
        return [*layers, *stages, Reshape(last, (prod(last),))]

    def mirrored(self) -> BaseDecoder:
        return ResNetDecoder(
            widths=self.widths[::-1], blocks=self.blocks, norm=self.norm, activation=self.activation
        )


class ResNetDecoder(BaseDecoder):
    """Residual blocks in stages, between which a transposed convolution doubles the image."""

    advice = """Use it opposite a `resnet` encoder, whose blocks it has. Each of n stages but the
        last doubles the sides, which have to be multiples of 2^(n - 1)."""
    references = """
        "Identity mappings in deep residual networks" (He et al., 2016, fig. 1b, arXiv
        1603.05027)"""

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
        layers, (features,) = with_class((latent,), classes if condition == "one_hot" else 0)
        halvings = 2 ** (len(self.widths) - 1)
        image: ImageShape = (self.widths[0], shape[1] // halvings, shape[2] // halvings)
        layers += [Linear(features, prod(image)), Reshape((prod(image),), image)]
        layers += _stages(self, image, classes if condition == "film" else 0, TransposedConvolution)
        last = as_image(layers[-1].output_shape)
        layers.append(Convolution(last, shape[0], (3, 3), 1, 1, bias=True))
        return [*layers, Activate(shape, self.output_activation)]


def _stages(
    config: ResNetEncoder | ResNetDecoder,
    image: ImageShape,
    classes: int,
    between: type[Convolution] | type[TransposedConvolution],
) -> list[Layer]:
    """Blocks of every width with a change of size between them, a norm and an activation."""
    layers: list[Layer] = []
    total = len(config.widths) * config.blocks
    for number, width in enumerate(config.widths):
        if number:
            layers.append(between(image, width, (2, 2), 2, 0, config.norm == "none"))
            image = as_image(layers[-1].output_shape)
        layers += config.blocks * [_block(image, config.norm, config.activation, classes, total)]
    return layers + finish(image, config.norm, 0, config.activation)


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
