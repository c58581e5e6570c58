"""Networks between an image and a grid of vectors: convolutional ones without their dense part."""

from itertools import takewhile

from vaelab.errors import BadCombinationError, BadValueError
from vaelab.networks import BaseDecoder, BaseEncoder
from vaelab.networks.base import ImageShape
from vaelab.networks.convolutions import Convolution
from vaelab.networks.layers import Activate, Layer, Linear, Reshape


def to_grid(config: BaseEncoder, image_shape: ImageShape, latent: int) -> list[Layer]:
    """Layers from an image to vectors `(latent, rows, columns)`.

    Those of the encoder up to where its last image becomes one vector, and a 1 x 1 convolution.

    Args:
        config: of the encoder.
        image_shape: `(c, h, w)`.
        latent: dimension of the vectors.

    Raises:
        BadCombinationError: the encoder has dense layers.
        BadValueError: its layers do not fit the image.
    """
    *layers, last = config.trunk(image_shape, "none", 0)
    if not isinstance(last, Reshape) or config.heads:
        raise _dense_layers("encoder", "`hidden` or `heads`")
    return [*layers, _pointwise(_image(last.input_shape), latent)]


def from_grid(config: BaseDecoder, grid: ImageShape, output: ImageShape) -> list[Layer]:
    """Layers from vectors to the parameters of the likelihood.

    A 1 x 1 convolution in place of the dense layer that makes the decoder's first image, and the
    layers after it.

    Args:
        config: of the decoder.
        grid: `(latent, rows, columns)`.
        output: `(c, h, w)` of the parameters.

    Raises:
        BadCombinationError: the decoder has more than one dense layer.
        BadValueError: its first image is not of the grid's size.
    """
    layers = config.trunk(grid[0], output, "none", 0)
    dense = list(takewhile(lambda layer: not isinstance(layer, Reshape), layers))
    after = layers[len(dense) + 1 :]
    if sum(isinstance(layer, Linear) for layer in dense) > 1:
        raise _dense_layers("decoder", "`hidden`")
    first = _image(layers[len(dense)].output_shape)
    if first[1:] != grid[1:]:
        raise BadValueError(
            f"model.decoder begins with {first[1]} x {first[2]}, but the encoder's grid of codes "
            f"is {grid[1]} x {grid[2]}; use `paddings` in the encoder that give back what its "
            "kernels take off, or a decoder with other kernels and strides"
        )
    functions = [layer.function for layer in dense if isinstance(layer, Activate)]
    activations = [Activate(first, function) for function in functions]
    return [_pointwise(grid, first[0]), *activations, *after]


def _pointwise(shape: ImageShape, channels: int) -> Layer:
    return Convolution(shape, channels, (1, 1), 1, 0, bias=True)


def _image(shape: tuple[int, ...]) -> ImageShape:
    channels, height, width = shape
    return channels, height, width


def _dense_layers(side: str, keys: str) -> BadCombinationError:
    return BadCombinationError(
        f"model `vq` keeps the image's grid, which the dense layers of model.{side} would take "
        f"apart; leave out {keys}"
    )
