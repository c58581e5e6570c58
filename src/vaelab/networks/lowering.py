"""A network as matrix products over positions: how a CPU computes it fastest.

The parameters stay those of the layers' modules, and so do the results, up to rounding.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

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
from vaelab.networks.normalise import Normalise, NormaliseTogether
from vaelab.networks.rearrange import Windows
from vaelab.networks.sliding import Convolve, ConvolveByModule, ConvolveTransposed
from vaelab.networks.synchronised import SynchronisedBatchNorm

OVERLAP = 2.25
"""Beyond so many windows per pixel, gathering them costs more than it saves."""
LOWERED = (Linear, Activate, Reshape, AppendsClass, FiLM, BatchNorm, SlidingKernel)
"""Layers with an operation; the padded kernels of a residual block are PyTorch's either way."""


class Lowered:
    """Layers computed one after the other as one differentiable function.

    Args:
        layers: specs that follow on each other.
        stack: their modules, whose parameters are used.

    Raises:
        TypeError: a layer is none of `LOWERED`.
    """

    def __init__(self, layers: Sequence[Layer], stack: Sequence[nn.Module]) -> None:
        self.operations = _lower(layers, stack)

    def __call__(self, x: Tensor, context: Tensor | None) -> Tensor:
        """The value, in training mode with a gradient that can be taken once."""
        if torch.is_grad_enabled():
            parameters = [one for operation in self.operations for one in operation.parameters]
            return _Run.apply(x, context, self.operations, *parameters)  # type: ignore[no-any-return, no-untyped-call]
        for operation in self.operations:
            x = operation.forward(x, context)[0]
        return x


class _Run(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        context: Tensor | None,
        operations: Sequence[ops.Operation],
        *parameters: Tensor,
    ) -> Tensor:
        kept: list[ops.Tensors] = []
        for operation in operations:
            x, saved = operation.forward(x, context)
            kept.append(saved)
        ctx.save_for_backward(*(tensor for saved in kept for tensor in saved))
        ctx.steps = list(zip(operations, map(len, kept), strict=True))
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        kept = list(ctx.saved_tensors)
        gradients: list[Tensor | None] = []
        for number, (operation, count) in reversed(list(enumerate(ctx.steps))):
            saved = tuple(kept[len(kept) - count :])
            del kept[len(kept) - count :]
            wanted = number > 0 or ctx.needs_input_grad[0]
            gradient, of_parameters = operation.backward(gradient, saved, wanted)
            gradients[:0] = of_parameters
        return gradient, None, None, *gradients


def _lower(layers: Sequence[Layer], stack: Sequence[nn.Module]) -> list[ops.Operation]:
    lowered: list[ops.Operation] = []
    steps = list(zip(layers, stack, strict=True))
    by_position = False
    while steps:
        layer, module = steps.pop(0)
        of_image = len(layer.input_shape) == 3
        if of_image and isinstance(layer, SlidingKernel | BatchNorm | FiLM) and not by_position:
            lowered.append(ops.ToPositions(layer.input_shape))
            by_position = True
        if isinstance(layer, Reshape) and by_position:
            lowered.append(ops.FromPositions(layer.input_shape))
            by_position = False
        if isinstance(layer, BatchNorm):
            together = isinstance(module, SynchronisedBatchNorm)
            operation = NormaliseTogether if together else Normalise
            lowered.append(operation(module, take_activation(steps)))
        else:
            lowered.append(_operation(layer, module))
    if by_position:
        lowered.append(ops.FromPositions(layers[-1].output_shape))
    return lowered


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
