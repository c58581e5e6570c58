"""Networks of one shape computed at once, as `torch.func.vmap` turns one into batched products."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vaelab.networks.activations import FROM_VALUE, IN_PLACE
from vaelab.networks.layers import Activation, Layer, Linear
from vaelab.networks.lowering import take_activation


def apply_stacked(
    layers: Sequence[Layer], stack: Iterable[nn.Module], x: Tensor, context: Tensor | None
) -> Tensor:
    """Layers one after the other, under vmap."""
    steps = list(zip(layers, stack, strict=True))
    while steps:
        layer, module = steps.pop(0)
        if isinstance(layer, Linear):
            weights = module.weight, module.bias
            x = _Dense.apply(x, *weights, take_activation(steps))  # type: ignore[no-untyped-call]
        else:
            x = module(x, context) if layer.reads_class else module(x)
    return x


class _Dense(torch.autograd.Function):
    """y = f(x W^T + b), whose gradients come in the order of the parameters' memory.

    Those of nn.Linear come transposed under vmap, and turning them takes longer than their product.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor, activation: Activation) -> Tensor:
        return IN_PLACE[activation](torch.addmm(bias, x, weight.t()))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, weight, _, ctx.activation = inputs
        ctx.save_for_backward(x, weight, output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        # dx = dy W, dW = dy^T x, db = sum dy, where dy is the gradient times f'
        x, weight, y = ctx.saved_tensors
        gradient = FROM_VALUE[ctx.activation](gradient, y)
        of_x = gradient @ weight if ctx.needs_input_grad[0] else None
        return of_x, gradient.t() @ x, gradient.sum(0), None
