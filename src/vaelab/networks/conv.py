"""Convolutional networks: convolutions down to features, transposed convolutions back up."""

from math import prod
from typing import Annotated, Literal

from pydantic import Field, model_validator

from vaelab.errors import BadCombinationError, BadValueError
from vaelab.networks.base import (
    BaseDecoder,
    BaseEncoder,
    DecoderCondition,
    EncoderCondition,
    ImageShape,
    Widths,
    as_image,
)
from vaelab.networks.conditioning import FiLM, with_class
from vaelab.networks.convolutions import Convolution, Pair, TransposedConvolution
from vaelab.networks.layers import Activate, Activation, BatchNorm, Layer, Linear, Reshape
from vaelab.networks.network import dense

Norm = Literal["none", "batch"]
Kernels = Annotated[tuple[Annotated[int, Field(ge=1, le=64)], ...], Field(max_length=64)]
Strides = Annotated[tuple[Annotated[int, Field(ge=1, le=16)], ...], Field(max_length=64)]
Paddings = Annotated[tuple[Annotated[int, Field(ge=0, le=32)], ...], Field(max_length=64)]


class ConvEncoder(BaseEncoder):
    """Convolutions, each with its norm and activation, then fully connected layers."""

    advice = """Use it for images larger than digits, and where what they show may be anywhere: the
        same few weights look at every place. Strides, not pooling, make the image smaller."""
    references = """
        "Unsupervised representation learning with deep convolutional generative adversarial
        networks" (Radford et al., 2016, section 3, arXiv 1511.06434)"""

    kind: Literal["conv"] = "conv"
    channels: Widths = (16, 32, 64)
    """Channels out of each convolution."""
    kernels: Kernels = (2, 2, 2)
    """Side of each kernel."""
    strides: Strides = (2, 2, 2)
    """Stride of each convolution."""
    paddings: Paddings | None = None
    """Zeros added at each side; null: none."""
    norm: Norm = "batch"
    """The norm after each convolution."""
    activation: Activation = "relu"
    """The activation after each norm."""
    hidden: Widths = ()
    """Widths of fully connected layers after the convolutions."""
    hidden_activation: Activation = "relu"
    """The activation after each of them."""

    @model_validator(mode="after")
    def _same_lengths(self) -> "ConvEncoder":
        _check_lengths(self.channels, self.kernels, self.strides, self.paddings)
        return self

    def trunk(self, shape: ImageShape, condition: EncoderCondition, classes: int) -> list[Layer]:
        """Class planes if asked for, convolutions, flatten, dense layers."""
        refuse_one_hot(condition)
        modulated = classes if condition == "film" else 0
        layers, shape = with_class(shape, classes if condition == "planes" else 0)
        paddings = self.paddings or (0,) * len(self.channels)
        steps = zip(self.channels, self.kernels, self.strides, paddings, strict=True)
        for number, (channels, kernel, stride, padding) in enumerate(steps, 1):
            layer = Convolution(
                shape, channels, (kernel, kernel), stride, padding, bias=self.norm == "none"
            )
            if min(layer.output_shape) < 1:
                raise BadValueError(
                    f"encoder: convolution {number} gets {shape[1]} x {shape[2]} and has a kernel "
                    f"of {kernel} (padding {padding}): nothing is left of the image; use fewer "
                    "layers, smaller kernels or `paddings`"
                )
            shape = as_image(layer.output_shape)
            layers += [layer, *finish(shape, self.norm, modulated, self.activation)]
        features = prod(shape)
        layers.append(Reshape(shape, (features,)))
        return layers + dense(features, self.hidden, self.hidden_activation, modulated)

    def mirrored(self) -> BaseDecoder:
        """The same channels and strides the other way round, kernels that fit the image."""
        return ConvDecoder(
            hidden=(*self.hidden, *self.heads)[::-1],
            hidden_activation=self.hidden_activation,
            channels=self.channels[::-1],
            strides=self.strides[::-1],
            paddings=self.paddings[::-1] if self.paddings else None,
            norm=self.norm,
            activation=self.activation,
        )


class ConvDecoder(BaseDecoder):
    """Fully connected layers, then transposed convolutions up to the image."""

    advice = """Use it for images larger than digits; opposite a `conv` encoder it is there by
        default, mirrored and with kernels that reach the image's size."""
    references = """
        "Unsupervised representation learning with deep convolutional generative adversarial
        networks" (Radford et al., 2016, section 3, arXiv 1511.06434)"""

    kind: Literal["conv"] = "conv"
    hidden: Widths = ()
    """Widths of fully connected layers before the first image."""
    hidden_activation: Activation = "relu"
    """The activation after each of them, and after the one that makes the first image."""
    channels: Widths = (64, 32, 16)
    """Channels into each transposed convolution; the last gives the image's."""
    kernels: Kernels | None = None
    """Side of each kernel; null: the smallest, none below its stride, that reach the image."""
    strides: Strides = (2, 2, 2)
    """Stride of each."""
    paddings: Paddings | None = None
    """Rows and columns cut off at each side; null: none."""
    norm: Norm = "batch"
    """The norm between them."""
    activation: Activation = "relu"
    """The activation after each norm."""
    output_norm: Norm = "none"
    """The norm before the output's activation."""

    @model_validator(mode="after")
    def _same_lengths(self) -> "ConvDecoder":
        _check_lengths(self.channels, self.kernels, self.strides, self.paddings)
        return self

    def trunk(
        self, latent: int, shape: ImageShape, condition: DecoderCondition, classes: int
    ) -> list[Layer]:
        """The class if asked for, dense layers, the first image, transposed convolutions."""
        modulated = classes if condition == "film" else 0
        if modulated and not self.hidden and len(self.channels) == 1:
            raise BadCombinationError(
                "condition.decoder is `film`, which scales and shifts what lies between the "
                "layers, but model.decoder has one layer; use `one_hot`, or more layers"
            )
        layers, (features,) = with_class((latent,), classes if condition == "one_hot" else 0)
        layers += dense(features, self.hidden, self.hidden_activation, modulated)
        features = self.hidden[-1] if self.hidden else features

        start, kernels = self._fit((shape[1], shape[2]))
        image: ImageShape = (self.channels[0], *start)
        layers += [
            Linear(features, prod(image)),
            Activate((prod(image),), self.hidden_activation),
            Reshape((prod(image),), image),
        ]
        last = len(self.channels) - 1
        for i, channels in enumerate((*self.channels[1:], shape[0])):
            norm, read = (self.output_norm, 0) if i == last else (self.norm, modulated)
            layer = TransposedConvolution(
                image, channels, kernels[i], self.strides[i], self._paddings[i], norm == "none"
            )
            image = as_image(layer.output_shape)
            activation = self.output_activation if i == last else self.activation
            layers += [layer, *finish(image, norm, read, activation)]
        return layers

    @property
    def _paddings(self) -> tuple[int, ...]:
        return self.paddings or (0,) * len(self.channels)

    def _fit(self, size: Pair) -> tuple[Pair, list[Pair]]:
        """The first image's size and the kernels that lead from it to `size`."""
        (rows, tall), (columns, wide) = (self._fit_side(side) for side in size)
        fitting = list(zip(tall, wide, strict=True))
        if self.kernels is None:
            return (rows, columns), fitting
        walks = [self._walk_side(side) for side in size]
        if (walks[0][-1], walks[1][-1]) != size:
            steps = " -> ".join(f"{height} x {width}" for height, width in zip(*walks, strict=True))
            remedy = f"kernels: {list(tall)}" if tall == wide else "kernels: null"
            raise BadValueError(
                f"decoder: its transposed convolutions give {steps}, and the image is "
                f"{size[0]} x {size[1]}; `{remedy}` would fit"
            )
        return (walks[0][0], walks[1][0]), [(kernel, kernel) for kernel in self.kernels]

    def _fit_side(self, side: int) -> tuple[int, list[int]]:
        """Where to start and the smallest kernels, none below its stride, that reach `side`."""
        kernels = []
        for stride, padding in zip(self.strides[::-1], self._paddings[::-1], strict=True):
            before = max(1, side // stride)
            kernels.append(side - (before - 1) * stride + 2 * padding)
            side = before
        return side, kernels[::-1]

    def _walk_side(self, side: int) -> list[int]:
        """The sides from the start that comes nearest to `side`, layer by layer."""
        steps = list(zip(self.kernels or (), self.strides, self._paddings, strict=True))
        for kernel, stride, padding in reversed(steps):
            side = max(1, (side + 2 * padding - kernel) // stride + 1)
        walk = [side]
        for kernel, stride, padding in steps:
            walk.append((walk[-1] - 1) * stride - 2 * padding + kernel)
        return walk


def refuse_one_hot(condition: EncoderCondition) -> None:
    """Refuse a vector that says the class where an image is wanted."""
    if condition == "one_hot":
        raise BadCombinationError(
            "condition.encoder is `one_hot`, which has no place on an image that goes into "
            "convolutions; use `planes` or `film`, or an `mlp` encoder"
        )


def finish(shape: ImageShape, norm: Norm, classes: int, activation: Activation) -> list[Layer]:
    """What follows a convolution: its norm, if any, FiLM by so many classes, its activation."""
    norms: list[Layer] = [BatchNorm(shape)] if norm == "batch" else []
    films: list[Layer] = [FiLM(shape, classes)] if classes else []
    return [*norms, *films, Activate(shape, activation)]


def _check_lengths(
    channels: Widths, kernels: Kernels | None, strides: Strides, paddings: Paddings | None
) -> None:
    lengths = {"channels": len(channels), "strides": len(strides)}
    lengths |= {} if kernels is None else {"kernels": len(kernels)}
    lengths |= {} if paddings is None else {"paddings": len(paddings)}
    if len(set(lengths.values())) > 1 or not channels:
        listed = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(f"one entry per layer is needed in each list: {listed}")
