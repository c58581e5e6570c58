"""The step of `PlainEngine` faster: flat parameters, recorded operations, replicas as one model."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import functional_call, vmap

from vaelab.distributed import BatchSlice, all_sum_, broadcast_, sharing, size
from vaelab.engine.layers import accelerate, apply_stacked, computing_by
from vaelab.engine.parameters import ParameterMatrix
from vaelab.engine.recording import Recorded
from vaelab.engine.step import COLUMNS, Engine, Inputs, TrainingStep
from vaelab.networks.network import multiplying_in
from vaelab.optim import OptimizerConfig


class FastEngine(Engine):
    """Gradient and optimiser step of R models that differ in their parameters and inputs alone.

    Several models are one batched model: `vmap` over stacked parameters turns their matrix
    products into batched ones. Each then gets what it would get by itself, up to rounding.
    """

    def __init__(
        self,
        steps: Sequence[TrainingStep],
        optimizer: OptimizerConfig,
        products: torch.dtype | None,
    ) -> None:
        self.steps = steps
        for step in steps:
            accelerate(step)
        # behind the gradient go the terms and whether to stop
        self.parameters = ParameterMatrix(steps, 0 if size() == 1 else len(COLUMNS) + 1)
        self.optimizer = optimizer.build(self.parameters.vectors)
        self._stop = self.parameters.message.new_zeros(())
        self._products = products
        self._controls = tuple(steps[0].objective.controls)
        if len(steps) == 1:
            self._leaves: list[Tensor] = list(steps[0].parameters())
        else:
            self._stacked = self.parameters.stacked()
            self._leaves = list(self._stacked.values())
            self._buffers = _share_buffers(steps)
        self._written = [buffer for step in steps for buffer in step.buffers()]
        self._gradient = Recorded(self._compute_gradient, self._written)

    def step(
        self, inputs: Sequence[Inputs], rates: Sequence[float], stop: bool = False
    ) -> tuple[Float[Tensor, "models 3"], bool]:
        columns = zip(*map(self._arguments, inputs), strict=True)
        terms = self._gradient(inputs[0].part, *map(_stack, columns))
        if size() > 1:
            terms, stop = self._exchange(terms, stop)
        self.optimizer.step(self.parameters.gradients, rates)
        return terms, stop

    def _exchange(
        self, terms: Float[Tensor, "1 3"], stop: bool
    ) -> tuple[Float[Tensor, "1 3"], bool]:
        """The sums over processes of gradient, terms and `stop`, in one message."""
        message = self.parameters.message
        behind = slice(-len(COLUMNS) - 1, -1)
        message[:, behind], message[:, -1] = terms, stop
        all_sum_(message)
        # of the step before, for which no device has to be waited for
        heard, self._stop = self._stop, message[0, -1].clone()
        return message[:, behind], bool(heard > 0)

    def start_alike(self) -> None:
        broadcast_([*self.parameters.vectors, *self._written])
        for state in self.optimizer.states:
            broadcast_(list(state.values()))

    def optimizer_state(self, model: int) -> dict[str, Tensor]:
        state: dict[str, Tensor] = {}
        for slot, value in self.optimizer.states[model].items():
            if value.dim():
                pieces = self.parameters.split(value)
                state |= {f"{slot}.{name}": piece for name, piece in pieces.items()}
            else:
                state[slot] = value
        return state

    def load_optimizer_state(self, model: int, state: Mapping[str, Tensor]) -> None:
        for name, tensor in self.optimizer_state(model).items():
            tensor.copy_(state[name])

    def _arguments(self, inputs: Inputs) -> tuple[Tensor | None, ...]:
        controls = [inputs.controls[name] for name in self._controls]
        return inputs.images, inputs.labels, inputs.noise, inputs.uniform, *controls

    def _compute_gradient(
        self, part: BatchSlice | None, *arguments: Tensor | None
    ) -> Float[Tensor, "models 3"]:
        """Put the gradients into place; loss, distortion and rate of each model."""
        with ExitStack() as ways:
            ways.enter_context(sharing(part))
            ways.enter_context(multiplying_in(self._products, self.steps[0]))
            if len(self.steps) == 1:
                outputs = self.steps[0](*self._named(arguments))
            else:
                ways.enter_context(computing_by(apply_stacked, self.steps[0]))
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
