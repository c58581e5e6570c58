"""A network as matrix products over positions: how a CPU computes it fastest.

The parameters stay those of the layers' modules, and so do the results, up to rounding.
"""

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

from torch import Tensor, nn

from vaelab.networks import operations as ops
from vaelab.networks.activations import IN_PLACE
from vaelab.networks.convolutions import SlidingKernel, TransposedConvolution
from vaelab.networks.film import FiLM
from vaelab.networks.layers import (
    Activate,
    Activation,
    AppendsClass,
    BatchNorm,
    Layer,
    Linear,
    Reshape,
)
from vaelab.networks.modulate import Modulate
from vaelab.networks.normalise import Normalise
from vaelab.networks.rearrange import Windows
from vaelab.networks.residual import Residual
from vaelab.networks.sliding import Convolve, ConvolveByModule, ConvolveTransposed
from vaelab.networks.steps import Fork, Join, Step, compute

OVERLAP = 2.25
"""Beyond so many windows per pixel, gathering them costs more than it saves."""


class Lowered:
    """Layers computed one after the other as one differentiable function.

    Args:
        layers: specs that follow on each other.
        stack: their modules, whose parameters are used.
    """

    def __init__(self, layers: Sequence[Layer], stack: Sequence[nn.Module]) -> None:
        self.steps = _lower(layers, stack)

    def __call__(self, x: Tensor, context: Tensor | None) -> Tensor:
        """The value, in training mode with a gradient that can be taken once."""
        return compute(self.steps, x, context)


def _lower(
    layers: Sequence[Layer], stack: Iterable[nn.Module], by_position: bool = False
) -> list[Step]:
    """Steps that take and give images as `(n, c, h, w)`, or as `(n, positions, c)`."""
    lowered: list[Step] = []
    steps = list(zip(layers, stack, strict=True))
    now_by_position = by_position
    while steps:
        layer, module = steps.pop(0)
        if _by_position(layer) and not now_by_position:
            lowered.append(ops.ToPositions(layer.input_shape))
            now_by_position = True
        if isinstance(layer, Reshape) and now_by_position:
            lowered.append(ops.FromPositions(layer.input_shape))
            now_by_position = False
        if isinstance(layer, BatchNorm):
            lowered.append(Normalise(module, take_activation(steps)))
        elif isinstance(layer, Residual):
            lowered += _residual(layer, module, now_by_position)
        else:
            lowered.append(_operation(layer, module))
    if now_by_position and not by_position:
        lowered.append(ops.FromPositions(layers[-1].output_shape))
    if by_position and not now_by_position:
        lowered.append(ops.ToPositions(layers[-1].output_shape))
    return lowered


def _by_position(layer: Layer) -> bool:
    """Whether a layer is computed on `(n, positions, c)`."""
    of_image = len(layer.input_shape) == 3 and isinstance(layer, FiLM | Residual)
    return of_image or isinstance(layer, SlidingKernel | BatchNorm)


def _residual(layer: Residual, module: Any, by_position: bool) -> list[Step]:
    inner = _lower(layer.inner, module.stack, by_position)
    return [Fork(isinstance(inner[0], ops.ActivateInPlace)), *inner, Join()]


def take_activation(steps: list[tuple[Layer, nn.Module]]) -> Activation:
    """The activation that comes next, taken from the steps if it can be done in place."""
    if steps and isinstance(layer := steps[0][0], Activate) and layer.function in IN_PLACE:
        steps.pop(0)
        return layer.function
    return "identity"


def _operation(layer: Layer, module: nn.Module) -> ops.Operation:
    match layer:
        case Linear():
            return ops.Dense(module)
        case Activate(function=function):
            if function in IN_PLACE:
                return ops.ActivateInPlace(function)
            return ops.Activate(function)
        case Reshape(before=before, after=after):
            return ops.Reshape(before, after)
        case FiLM():
            return Modulate(module)
        case AppendsClass():
            return ops.AppendClass(module, layer.input_shape[0])
        case SlidingKernel():
            return _sliding(layer, module)
    raise TypeError(f"{type(layer).__name__} has no operation")


def _sliding(layer: SlidingKernel, module: nn.Module) -> ops.Operation:
    if layer.padding or prod(layer.kernel) > OVERLAP * layer.stride**2:
        return ConvolveByModule(module, layer.shape)
    transposed = isinstance(layer, TransposedConvolution)
    _, height, width = layer.output_shape if transposed else layer.shape
    windows = Windows((height, width), layer.kernel, layer.stride)
    return ConvolveTransposed(module, windows) if transposed else Convolve(module, windows)
