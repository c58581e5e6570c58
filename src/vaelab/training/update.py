"""One optimiser step of one model, or of several of one shape at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int64, UInt8
from lightning_fabric import Fabric
from torch import Tensor
from torch.func import functional_call, vmap

from vaelab.optimizers import OptimizerConfig
from vaelab.training.meter import COLUMNS
from vaelab.training.parameters import ParameterMatrix
from vaelab.training.step import TrainingStep


@dataclass(frozen=True)
class Inputs:
    """What one model's step takes: see `TrainingStep.forward`."""

    images: UInt8[Tensor, "b c h w"]
    labels: Int64[Tensor, " b"]
    noise: Float[Tensor, "k b ..."]
    uniform: Float[Tensor, "b c h w"] | None
    controls: Mapping[str, Float[Tensor, ""]]


class Update:
    """Gradient and optimiser step of R models that differ in their parameters and inputs alone.

    Several models are one batched model: `vmap` over stacked parameters turns their matrix
    products into batched ones. Each then gets what it would get by itself, up to rounding.

    Args:
        steps: a training step for each model.
        optimizer: settings of the optimiser; the learning rate comes with each call.
        fabric: the device and the number format.
    """

    def __init__(
        self, steps: Sequence[TrainingStep], optimizer: OptimizerConfig, fabric: Fabric
    ) -> None:
        self.steps = steps
        self.parameters = ParameterMatrix(steps)
        self.optimizer = optimizer.build(self.parameters.vectors)
        self._fabric = fabric
        if len(steps) == 1:
            self._leaves: list[Tensor] = list(steps[0].parameters())
        else:
            self._stacked = self.parameters.stacked()
            self._leaves = list(self._stacked.values())
            self._buffers = _share_buffers(steps)

    def __call__(
        self, inputs: Sequence[Inputs], rates: Sequence[float]
    ) -> Float[Tensor, "models 3"]:
        """Take a step.

        Args:
            inputs: for each model.
            rates: the learning rate of each model.

        Returns:
            Loss, distortion and rate of each model's batch, nats per image.
        """
        with self._fabric.autocast():
            outputs = self._one(inputs[0]) if len(inputs) == 1 else self._many(inputs)
        self.parameters.collect(
            torch.autograd.grad(outputs["loss"].sum(), self._leaves, materialize_grads=True)
        )
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self.optimizer.step()
        terms = torch.stack([outputs[name].detach() for name in COLUMNS], dim=-1)
        return terms.reshape(len(inputs), len(COLUMNS))

    def optimizer_state(self, model: int) -> dict[str, Tensor]:
        """What the optimiser knows of one model: its step, its moments by parameter."""
        state: dict[str, Tensor] = {}
        for slot, value in self.optimizer.state[self.parameters.vectors[model]].items():
            if value.dim():
                pieces = self.parameters.split(value)
                state |= {f"{slot}.{name}": piece for name, piece in pieces.items()}
            else:
                state[slot] = value
        return state

    def load_optimizer_state(self, model: int, state: Mapping[str, Tensor]) -> None:
        """Put back what `optimizer_state` gave.

        Raises:
            KeyError: it is of another model.
            RuntimeError: likewise.
        """
        vector = self.parameters.vectors[model]
        slots = {name.partition(".")[0] for name in state}
        for slot in slots:
            if slot in state:
                self.optimizer.state[vector][slot] = state[slot].to(vector.device, copy=True)
                continue
            moments = torch.empty_like(vector)
            for name, piece in self.parameters.split(moments).items():
                piece.copy_(state[f"{slot}.{name}"])
            self.optimizer.state[vector][slot] = moments

    def _one(self, inputs: Inputs) -> dict[str, Tensor]:
        outputs: dict[str, Tensor] = self.steps[0](*_arguments(inputs))
        return outputs

    def _many(self, inputs: Sequence[Inputs]) -> dict[str, Tensor]:
        columns = zip(*map(_arguments, inputs), strict=True)
        arguments = [_stack(column) for column in columns]
        dims = tuple(None if argument is None else 0 for argument in arguments)
        outputs: dict[str, Tensor] = vmap(self._with, in_dims=(0, 0, *dims))(
            self._stacked, self._buffers, *arguments
        )
        return outputs

    def _with(self, parameters: Any, buffers: Any, *arguments: Any) -> Any:
        return functional_call(self.steps[0], (parameters, buffers), arguments)


def _arguments(inputs: Inputs) -> tuple[Any, ...]:
    return inputs.images, inputs.labels, inputs.noise, inputs.uniform, inputs.controls


def _stack(values: Sequence[Any]) -> Any:
    if values[0] is None:
        return None
    if isinstance(values[0], Tensor):
        return torch.stack(list(values))
    return {name: torch.stack([value[name] for value in values]) for name in values[0]}


def _share_buffers(steps: Sequence[TrainingStep]) -> dict[str, Tensor]:
    """Buffers of all models stacked, each model's own made views of them."""
    stacked = {}
    for name, _ in steps[0].named_buffers():
        owner, _, leaf = name.rpartition(".")
        stacked[name] = torch.stack([step.get_buffer(name) for step in steps])
        for step, view in zip(steps, stacked[name], strict=True):
            setattr(step.get_submodule(owner), leaf, view)
    return stacked
