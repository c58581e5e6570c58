"""Layer specs with their modules as parts of a graph: batch norm folded, linear layers joined."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, cast

import numpy as np
from jaxtyping import Float64
from torch import Tensor, nn

from vaelab.bundle.graph import UnsupportedLayerError
from vaelab.networks import Network
from vaelab.networks.convolutions import Convolution, SlidingKernel, TransposedConvolution
from vaelab.networks.film import FiLM
from vaelab.networks.layers import (
    Activate,
    AppendOneHot,
    BatchNorm,
    ClassPlanes,
    Layer,
    Linear,
    Reshape,
    Shape,
)
from vaelab.networks.residual import Residual

Array = Float64[np.ndarray, "..."]
LEAKY_SLOPE = 0.01  # nn.LeakyReLU's


class Affine(NamedTuple):
    """Weight and bias as they are at the moment they are asked for."""

    weight: Callable[[], Array]
    bias: Callable[[], Array] | None


@dataclass(frozen=True)
class Part:
    """What becomes one operation.

    Attributes:
        name: of the operation.
        shape: of its output, for one image.
        settings: numbers that are not trained.
        affine: its weight and bias.
        of_class: what it reads besides the value before it: each what a few parts, or none, make
            of the class.
    """

    name: str
    shape: Shape
    settings: Mapping[str, Any] = field(default_factory=dict)
    affine: Affine | None = None
    of_class: tuple[tuple["Part", ...], ...] = ()


@dataclass(frozen=True)
class Sum:
    """A value, and what parts make of it, added."""

    inner: tuple["Part | Sum", ...]
    shape: Shape


def parts(network: Network) -> list[Part | Sum]:
    """The operations of a network, in their order.

    Raises:
        UnsupportedLayerError: no operation stands for a layer.
    """
    return _parts(network.layers, network.stack)


def _parts(layers: Sequence[Layer], stack: Iterable[nn.Module]) -> list[Part | Sum]:
    result: list[Part | Sum] = []
    for layer, module in zip(layers, stack, strict=True):
        last = result[-1] if result and isinstance(result[-1], Part) else None
        if isinstance(layer, BatchNorm):
            norm = cast(nn.BatchNorm2d, module)
            if last is not None and last.name in {"conv2d", "conv_transpose2d"}:
                result[-1] = _fold(last, norm)
            else:
                result.append(Part("scale_shift", layer.shape, {}, Affine(*_scaling(norm))))
        elif isinstance(layer, Residual):
            inner = _parts(layer.inner, cast(Any, module).stack)
            result.append(Sum(tuple(inner), layer.output_shape))
        elif isinstance(layer, Linear):
            part = Part("linear", layer.output_shape, {}, _affine(module))
            if last is not None and last.name == "linear" and _joining_pays(last, layer):
                result[-1] = _join(last, part)
            else:
                result.append(part)
        elif not (isinstance(layer, Activate) and layer.function == "identity"):
            result.append(_part(layer, module))
    return result


def _part(layer: Layer, module: nn.Module) -> Part:
    shape = layer.output_shape
    if isinstance(layer, Activate):
        slope = {"slope": LEAKY_SLOPE} if layer.function == "leaky_relu" else {}
        return Part(layer.function, shape, slope)
    if isinstance(layer, SlidingKernel):
        settings = {
            "kernel": list(layer.kernel), "stride": layer.stride, "padding": layer.padding
        }  # fmt: skip
        name = {Convolution: "conv2d", TransposedConvolution: "conv_transpose2d"}[type(layer)]
        return Part(name, shape, settings, _affine(module))
    if isinstance(layer, Reshape):
        return Part("reshape", shape)
    if isinstance(layer, AppendOneHot):
        return Part("append_one_hot", shape, of_class=((),))
    if isinstance(layer, ClassPlanes):
        return Part("class_planes", shape, of_class=((),))
    if isinstance(layer, FiLM):
        return Part("modulate", shape, of_class=_scale_and_shift(layer, module))
    raise UnsupportedLayerError(type(layer).__name__)


def _affine(module: nn.Module) -> Affine:
    weight, bias = cast(Tensor, module.weight), cast(Tensor | None, module.bias)
    return Affine(lambda: _array(weight), None if bias is None else lambda: _array(bias))


def _array(tensor: Tensor) -> Array:
    return tensor.detach().double().cpu().numpy()


def _joining_pays(first: Part, second: Linear) -> bool:
    inputs: int = _affine_of(first).weight().shape[1]
    return second.outputs * inputs <= second.inputs * inputs + second.outputs * second.inputs


def _join(first: Part, second: Part) -> Part:
    """W2 (W1 x + b1) + b2 = (W2 W1) x + (W2 b1 + b2)."""
    one, two = _affine_of(first), _affine_of(second)

    def bias() -> Array:
        shift = 0.0 if one.bias is None else two.weight() @ one.bias()
        return cast(Array, shift + (0.0 if two.bias is None else two.bias()))

    both = one.bias is not None or two.bias is not None
    return replace(
        second, affine=Affine(lambda: two.weight() @ one.weight(), bias if both else None)
    )


def _scale_and_shift(layer: FiLM, module: nn.Module) -> tuple[tuple[Part], tuple[Part]]:
    """1 + g and b as linear functions of the one-hot class."""
    weight, channels = cast(Tensor, module.weight), layer.shape[0]
    scale = Affine(lambda: _array(weight)[:channels], lambda: np.ones(channels))
    shift = Affine(lambda: _array(weight)[channels:], None)
    return (Part("linear", (channels,), {}, scale),), (Part("linear", (channels,), {}, shift),)


def _scaling(norm: nn.BatchNorm2d) -> tuple[Callable[[], Array], Callable[[], Array]]:
    """What a norm multiplies each channel with, gamma / s, and then adds, beta - gamma / s m."""
    variance, mean = cast(Tensor, norm.running_var), cast(Tensor, norm.running_mean)

    def factor() -> Array:
        return cast(Array, _array(norm.weight) / np.sqrt(_array(variance) + norm.eps))

    return factor, lambda: _array(norm.bias) - factor() * _array(mean)


def _fold(part: Part, norm: nn.BatchNorm2d) -> Part:
    """The norm of W x + b, f (W x + b) + c = (f W) x + (f b + c)."""
    affine, (factor, shift) = _affine_of(part), _scaling(norm)
    outputs = (1, -1, 1, 1) if part.name == "conv_transpose2d" else (-1, 1, 1, 1)

    def weight() -> Array:
        return cast(Array, affine.weight() * factor().reshape(outputs))

    def bias() -> Array:
        before = 0.0 if affine.bias is None else affine.bias()
        return cast(Array, factor() * before + shift())

    return replace(part, affine=Affine(weight, bias))


def _affine_of(part: Part) -> Affine:
    if part.affine is None:
        raise UnsupportedLayerError(part.name)
    return part.affine
