"""One optimiser step as PyTorch writes it: forward, loss, backward, step."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from vaelab.data.loading.evaluation import class_context
from vaelab.data.pixels import Pixels, Stored
from vaelab.distributed import BatchSlice, all_sum_, batch_slice, broadcast_, sharing, size
from vaelab.models import LatentVariableModel, Terms
from vaelab.networks.network import multiplying_in
from vaelab.objectives import BaseObjective
from vaelab.objectives.base import Controls
from vaelab.optim import OptimizerConfig

COLUMNS = ("loss", "distortion", "rate")
"""What a step gives of its batch, nats per image."""


@dataclass(frozen=True)
class Inputs:
    """What one model's step takes."""

    images: Stored
    labels: Int64[Tensor, " b"]
    noise: Float[Tensor, "k b ..."]
    """Of the posterior samples."""
    uniform: Float[Tensor, "b c h w"] | None
    """Of pixels drawn afresh."""
    controls: Mapping[str, Float[Tensor, ""]]
    """Settings of the objective at this step."""
    part: BatchSlice | None
    """Which images of the batch these are; None: all of them."""


class TrainingStep(nn.Module):
    """Pixels, model and objective in one forward pass.

    It returns tensors and takes everything that changes while training as tensors, so that it can
    be wrapped, compiled or captured as a whole.
    """

    def __init__(
        self,
        model: LatentVariableModel,
        objective: BaseObjective,
        pixels: Pixels,
        images: int,
    ) -> None:
        super().__init__()
        self.register_buffer("images", torch.tensor(float(images)), persistent=False)
        self.model = model
        self.objective = objective
        self.pixels = pixels

    def forward(
        self,
        images: Stored,
        labels: Int64[Tensor, " b"],
        noise: Float[Tensor, "k b ..."],
        uniform: Float[Tensor, "b c h w"] | None,
        controls: Mapping[str, Float[Tensor, ""]],
    ) -> dict[str, Tensor]:
        """The loss and the batch's mean distortion and rate, nats per image.

        Where processes share a batch, summands: their sums over processes are those of the batch.
        """
        x = self.pixels(images, uniform)
        context = class_context(labels, self.model.classes)
        terms = self.model.terms(x, context, noise=noise)
        outputs = self._shared(terms, {**controls, "images": self.get_buffer("images")})
        for update in terms.updates:
            update()
        return outputs

    def _shared(self, terms: Terms, controls: Controls) -> dict[str, Tensor]:
        """Loss, distortion and rate as summands."""
        part = batch_slice()
        couples = self.objective.couples and part is not None
        loss = self.objective(terms.gathered() if couples else terms, controls)
        outputs = {
            "loss": loss,
            "distortion": terms.distortion.detach().mean(),
            "rate": terms.rate.detach().mean(),
        }
        if part is None:
            return outputs
        # all processes have computed the same loss of the whole batch
        weights = {"loss": 1 / size()} if couples else {}
        return {name: weights.get(name, part.fraction) * one for name, one in outputs.items()}


class Engine(ABC):
    """What takes the optimiser steps of one model, or of several in step with each other."""

    @abstractmethod
    def step(
        self, inputs: Sequence[Inputs], rates: Sequence[float], stop: bool = False
    ) -> tuple[Float[Tensor, "models 3"], bool]:
        """Take a step.

        Returns:
            `COLUMNS` of each model's batch; and whether this process has been asked to stop, or
            any of several had been at the step before.
        """

    @abstractmethod
    def optimizer_state(self, model: int) -> dict[str, Tensor]:
        """What the optimiser knows of one model: its step, its moments by parameter."""

    @abstractmethod
    def load_optimizer_state(self, model: int, state: Mapping[str, Tensor]) -> None:
        """Put back what `optimizer_state` gave.

        Raises:
            KeyError: it is of another model.
            RuntimeError: likewise.
        """

    @abstractmethod
    def start_alike(self) -> None:
        """Give every process rank 0's parameters, buffers and state of the optimiser."""


class PlainEngine(Engine):
    """Autograd and the optimiser, one model after the other."""

    def __init__(
        self,
        steps: Sequence[TrainingStep],
        optimizer: OptimizerConfig,
        products: torch.dtype | None,
    ) -> None:
        self.steps, self.products = steps, products
        self.parameters = [list(_learned(step).values()) for step in steps]
        self.optimizers = [optimizer.build(parameters) for parameters in self.parameters]
        self._stop = torch.zeros(())

    def step(
        self, inputs: Sequence[Inputs], rates: Sequence[float], stop: bool = False
    ) -> tuple[Float[Tensor, "models 3"], bool]:
        rows = []
        for number, (x, rate) in enumerate(zip(inputs, rates, strict=True)):
            step, parameters = self.steps[number], self.parameters[number]
            with sharing(x.part), multiplying_in(self.products, step):
                outputs = step(x.images, x.labels, x.noise, x.uniform, x.controls)
            gradients = torch.autograd.grad(outputs["loss"], parameters, materialize_grads=True)
            for gradient in gradients:
                all_sum_(gradient)
            self.optimizers[number].step(gradients, [rate] * len(parameters))
            rows.append(torch.stack([outputs[name].detach() for name in COLUMNS]))
        terms = torch.stack(rows)
        if size() == 1:
            return terms, stop
        heard, self._stop = self._stop, all_sum_(terms.new_tensor(float(stop)))
        return all_sum_(terms), bool(heard > 0)

    def optimizer_state(self, model: int) -> dict[str, Tensor]:
        return dict(self._slots(model))

    def load_optimizer_state(self, model: int, state: Mapping[str, Tensor]) -> None:
        for name, value in self._slots(model):
            value.copy_(state[name])

    def _slots(self, model: int) -> Iterator[tuple[str, Tensor]]:
        learned, states = _learned(self.steps[model]), self.optimizers[model].states
        for name, slots in zip(learned, states, strict=True):
            for slot, value in slots.items():
                yield slot if slot == "step" else f"{slot}.{name}", value

    def start_alike(self) -> None:
        for step, optimizer in zip(self.steps, self.optimizers, strict=True):
            broadcast_([*step.parameters(), *step.buffers()])
            for slots in optimizer.states:
                broadcast_(list(slots.values()))


def _learned(step: TrainingStep) -> dict[str, nn.Parameter]:
    """The parameters that are learned: a module of the user's may have frozen some."""
    return {name: one for name, one in step.named_parameters() if one.requires_grad}
