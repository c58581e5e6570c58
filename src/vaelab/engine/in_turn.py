"""Several models that do not gain by being one batched model."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.engine.step import Engine, Inputs


class InTurn(Engine):
    """Each model by an engine of its own, one after the other: to the bit what each does alone."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        self.engines = engines

    def step(
        self, inputs: Sequence[Inputs], rates: Sequence[float], stop: bool = False
    ) -> tuple[Float[Tensor, "models 3"], bool]:
        taken = [
            engine.step([one], [rate], stop)
            for engine, one, rate in zip(self.engines, inputs, rates, strict=True)
        ]
        return torch.cat([terms for terms, _ in taken]), any(heard for _, heard in taken)

    def optimizer_state(self, model: int) -> dict[str, Tensor]:
        return self.engines[model].optimizer_state(0)

    def load_optimizer_state(self, model: int, state: Mapping[str, Tensor]) -> None:
        self.engines[model].load_optimizer_state(0, state)

    def start_alike(self) -> None:
        for engine in self.engines:
            engine.start_alike()
