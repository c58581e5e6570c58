"""One optimiser step of one model, or of several of one shape at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor
from torch.func import functional_call, vmap

from vaelab.distributed.world import Portion, World
from vaelab.optimizers import OptimizerConfig
from vaelab.training.meter import COLUMNS
from vaelab.training.parameters import ParameterMatrix
from vaelab.training.precision import Place
from vaelab.training.recording import Recorded
from vaelab.training.step import TrainingStep


@dataclass(frozen=True)
class Inputs:
    """What one model's step takes: see `TrainingStep.forward`."""

    images: UInt8[Tensor, "b c h w"]
    labels: Int64[Tensor, " b"]
    noise: Float[Tensor, "k b ..."]
    uniform: Float[Tensor, "b c h w"] | None
    controls: Mapping[str, Float[Tensor, ""]]
    portion: Portion
    """Which of the batch these images are."""


class Update:
    """Gradient and optimiser step of R models that differ in their parameters and inputs alone.

    Several models are one batched model: `vmap` over stacked parameters turns their matrix
    products into batched ones. Each then gets what it would get by itself, up to rounding.

    Args:
        steps: a training step for each model.
        optimizer: settings of the optimiser; the learning rate comes with each call.
        place: the device and the number format.
        world: the processes that share a batch, each with the same parameters.
    """

    def __init__(
        self,
        steps: Sequence[TrainingStep],
        optimizer: OptimizerConfig,
        place: Place,
        world: World,
    ) -> None:
        self.steps, self.world = steps, world
        # behind the gradient go the terms and a wish to stop
        self.parameters = ParameterMatrix(steps, 0 if world.size == 1 else len(COLUMNS) + 1)
        self.optimizer = optimizer.build(self.parameters.vectors)
        self._wishes = self.parameters.message.new_zeros(())
        self._place = place
        self._controls = tuple(steps[0].objective.controls)
        if len(steps) == 1:
            self._leaves: list[Tensor] = list(steps[0].parameters())
        else:
            self._stacked = self.parameters.stacked()
            self._leaves = list(self._stacked.values())
            self._buffers = _share_buffers(steps)
        self._written = [buffer for step in steps for buffer in step.buffers()]
        self._gradient = Recorded(self._compute_gradient, self._written)

    def __call__(
        self, inputs: Sequence[Inputs], rates: Sequence[float], wish: bool = False
    ) -> tuple[Float[Tensor, "models 3"], bool]:
        """Take a step.

        Args:
            inputs: for each model.
            rates: the learning rate of each model.
            wish: whether this process wishes to stop.

        Returns:
            Loss, distortion and rate of each model's batch, nats per image; and whether this
            process wishes to stop, or any of several wished to at the step before.
        """
        columns = zip(*map(self._arguments, inputs), strict=True)
        terms = self._gradient(inputs[0].portion, *map(_stack, columns))
        if self.world.size > 1:
            terms, wish = self._exchange(terms, wish)
        self.optimizer.step(self.parameters.gradients, rates)
        return terms, wish

    def _exchange(
        self, terms: Float[Tensor, "1 3"], wish: bool
    ) -> tuple[Float[Tensor, "1 3"], bool]:
        """The sums over processes of gradient, terms and wishes, in one message."""
        message = self.parameters.message
        behind = slice(-len(COLUMNS) - 1, -1)
        message[:, behind], message[:, -1] = terms, wish
        self.world.sum(message)
        # of the step before, for which no device has to be waited for
        heard, self._wishes = self._wishes, message[0, -1].clone()
        return message[:, behind], bool(heard > 0)

    def start_alike(self) -> None:
        """Give every process rank 0's parameters, buffers and state of the optimiser."""
        self.world.same([*self.parameters.vectors, *self._written])
        for state in self.optimizer.states:
            self.world.same(list(state.values()))

    def optimizer_state(self, model: int) -> dict[str, Tensor]:
        """What the optimiser knows of one model: its step, its moments by parameter."""
        state: dict[str, Tensor] = {}
        for slot, value in self.optimizer.states[model].items():
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
        for name, tensor in self.optimizer_state(model).items():
            tensor.copy_(state[name])

    def _arguments(self, inputs: Inputs) -> tuple[Tensor | None, ...]:
        controls = [inputs.controls[name] for name in self._controls]
        return inputs.images, inputs.labels, inputs.noise, inputs.uniform, *controls

    def _compute_gradient(
        self, portion: Portion, *arguments: Tensor | None
    ) -> Float[Tensor, "models 3"]:
        """Put the gradients into place; loss, distortion and rate of each model."""
        self.world.portion = portion
        with self._place.rounding(self.steps[0]):
            if len(self.steps) == 1:
                outputs = self.steps[0](*self._named(arguments))
            else:
                dims = tuple(None if one is None else 0 for one in arguments)
                outputs = vmap(self._with, in_dims=(0, 0, *dims))(
                    self._stacked, self._buffers, *arguments
                )
        self.parameters.collect(
            torch.autograd.grad(outputs["loss"].sum(), self._leaves, materialize_grads=True)
        )
        terms = torch.stack([outputs[name].detach() for name in COLUMNS], dim=-1)
        return terms.reshape(len(self.steps), len(COLUMNS))

    def _with(self, parameters: Any, buffers: Any, *arguments: Tensor | None) -> Any:
        return functional_call(self.steps[0], (parameters, buffers), self._named(arguments))

    def _named(self, arguments: Sequence[Tensor | None]) -> tuple[Any, ...]:
        return *arguments[:4], dict(zip(self._controls, arguments[4:], strict=True))


def _stack(values: Sequence[Tensor | None]) -> Tensor | None:
    tensors = [value for value in values if value is not None]
    return torch.stack(tensors) if len(tensors) > 1 else values[0]


def _share_buffers(steps: Sequence[TrainingStep]) -> dict[str, Tensor]:
    """Buffers of all models stacked, each model's own made views of them."""
    stacked = {}
    for name, _ in steps[0].named_buffers():
        owner, _, leaf = name.rpartition(".")
        stacked[name] = torch.stack([step.get_buffer(name) for step in steps])
        for step, view in zip(steps, stacked[name], strict=True):
            setattr(step.get_submodule(owner), leaf, view)
    return stacked
