"""Steps of a lowered network, computed forwards and back as one differentiable function."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from vaelab.networks.operations import Operation, Tensors


@dataclass(frozen=True)
class Fork:
    """Where a residual block begins: x is put aside.

    Attributes:
        overwritten: whether what follows writes over its input, which then has to be a copy.
    """

    overwritten: bool


@dataclass(frozen=True)
class Join:
    """Where it ends: what was put aside is added."""


Step = Operation | Fork | Join


def compute(steps: Sequence[Step], x: Tensor, context: Tensor | None) -> Tensor:
    """The value, in training mode with a gradient that can be taken once."""
    if torch.is_grad_enabled():
        parameters = [
            one for step in steps if isinstance(step, Operation) for one in step.parameters
        ]
        return _Run.apply(x, context, steps, *parameters)  # type: ignore[no-any-return, no-untyped-call]
    for y, _ in _walk(steps, x, context):
        x = y
    return x


class _Run(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, context: Tensor | None, steps: Sequence[Step], *parameters: Tensor
    ) -> Tensor:
        kept: list[Tensors] = []
        for y, saved in _walk(steps, x, context):
            x = y
            kept.append(saved)
        ctx.save_for_backward(*(tensor for saved in kept for tensor in saved))
        ctx.steps = list(zip(steps, map(len, kept), strict=True))
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        kept = list(ctx.saved_tensors)
        gradients: list[Tensor | None] = []
        aside: list[Tensor] = []
        for number, (step, count) in reversed(list(enumerate(ctx.steps))):
            saved = tuple(kept[len(kept) - count :])
            del kept[len(kept) - count :]
            match step:
                case Join():
                    aside.append(gradient)
                case Fork():
                    gradient = gradient + aside.pop()
                case _:
                    wanted = number > 0 or ctx.needs_input_grad[0]
                    gradient, of_parameters = step.backward(gradient, saved, wanted)
                    gradients[:0] = of_parameters
        return gradient, None, None, *gradients


def _walk(
    steps: Sequence[Step], x: Tensor, context: Tensor | None
) -> Iterator[tuple[Tensor, Tensors]]:
    """The value after each step, and what the way back needs of it."""
    aside: list[Tensor] = []
    for step in steps:
        match step:
            case Fork(overwritten=overwritten):
                aside.append(x)
                x = x.clone() if overwritten else x
                yield x, ()
            case Join():
                x = x + aside.pop()
                yield x, ()
            case Operation():
                x, saved = step.forward(x, context)
                yield x, saved
