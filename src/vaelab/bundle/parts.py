"""Layer specs with their modules as parts of a graph: batch norm folded, linear layers joined."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, cast

import numpy as np
from jaxtyping import Float64
from torch import Tensor, nn

from vaelab.bundle.graph import UnsupportedLayerError
from vaelab.networks import Network
from vaelab.networks.convolutions import Convolution, SlidingKernel, TransposedConvolution
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

Array = Float64[np.ndarray, "..."]
LEAKY_SLOPE = 0.01  # nn.LeakyReLU's


class Affine(NamedTuple):
    """Weight and bias as they are at the moment they are asked for."""

    weight: Callable[[], Array]
    bias: Callable[[], Array] | None


@dataclass(frozen=True)
class Part:
    """What becomes one operation."""

    name: str
    shape: Shape
    settings: Mapping[str, Any] = field(default_factory=dict)
    affine: Affine | None = None
    reads_class: bool = False


def parts(network: Network) -> list[Part]:
    """The operations of a network, in their order.

    Raises:
        UnsupportedLayerError: no operation stands for a layer.
    """
    result: list[Part] = []
    for layer, module in zip(network.layers, network.stack, strict=True):
        last = result[-1] if result else None
        if isinstance(layer, BatchNorm):
            if last is None or last.name not in {"conv2d", "conv_transpose2d"}:
                raise UnsupportedLayerError("BatchNorm that follows no convolution")
            result[-1] = _fold(last, cast(nn.BatchNorm2d, module))
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
        return Part("append_one_hot", shape, reads_class=True)
    if isinstance(layer, ClassPlanes):
        return Part("class_planes", shape, reads_class=True)
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


def _fold(part: Part, norm: nn.BatchNorm2d) -> Part:
    """Gamma (W x + b - m) / s + beta = (gamma / s W) x + (gamma / s (b - m) + beta)."""
    affine = _affine_of(part)
    outputs = (1, -1, 1, 1) if part.name == "conv_transpose2d" else (-1, 1, 1, 1)

    def factor() -> Array:
        deviation = np.sqrt(_array(cast(Tensor, norm.running_var)) + norm.eps)
        return cast(Array, _array(norm.weight) / deviation)

    def weight() -> Array:
        return cast(Array, affine.weight() * factor().reshape(outputs))

    def bias() -> Array:
        before = 0.0 if affine.bias is None else affine.bias()
        centred = before - _array(cast(Tensor, norm.running_mean))
        return cast(Array, factor() * centred + _array(norm.bias))

    return replace(part, affine=Affine(weight, bias))


def _affine_of(part: Part) -> Affine:
    if part.affine is None:
        raise UnsupportedLayerError(part.name)
    return part.affine
