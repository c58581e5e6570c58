"""Optimisers: their settings, and Adam's step over vectors of parameters."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.optim.adam import adam

from vaelab.optim.schedules import Positive
from vaelab.registry import ONE_OF, Axis, Kind

Decay = Annotated[float, Field(ge=0, lt=1)]


class Adam:
    """Adam of several vectors at once, each with a learning rate of its own.

    "Adam" (Kingma and Ba, 2015, algorithm 1, arXiv 1412.6980), with the weight decay of "Decoupled
    weight decay regularization" (Loshchilov and Hutter, 2019, algorithm 2, arXiv 1711.05101).

    The arithmetic is PyTorch's fused kernel, called as a function: the classes of torch.optim
    import a compiler, over a second, and look through their settings at every step. Vectors of
    parameters are updated in place.

    Attributes:
        states: for each vector `step`, the number of steps taken, `exp_avg` and `exp_avg_sq`, the
            running means.
    """

    def __init__(
        self,
        vectors: Sequence[Tensor],
        betas: tuple[float, float],
        eps: float,
        weight_decay: float = 0.0,
    ) -> None:
        self._vectors = vectors
        self._betas, self._eps, self._weight_decay = betas, eps, weight_decay
        self.states = [
            {
                "step": torch.zeros((), dtype=torch.float32, device=vector.device),
                "exp_avg": torch.zeros_like(vector),
                "exp_avg_sq": torch.zeros_like(vector),
            }
            for vector in vectors
        ]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], rates: Sequence[float]) -> None:
        """Update every vector by its gradient and its learning rate."""
        together: dict[float, list[int]] = {}
        for index, rate in enumerate(rates):
            together.setdefault(rate, []).append(index)
        for rate, indices in together.items():
            states = [self.states[index] for index in indices]
            adam(
                [self._vectors[index] for index in indices],
                [gradients[index] for index in indices],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                [],
                [state["step"] for state in states],
                fused=True,
                decoupled_weight_decay=True,
                lr=rate,
                beta1=self._betas[0],
                beta2=self._betas[1],
                eps=self._eps,
                weight_decay=self._weight_decay,
                amsgrad=False,
                maximize=False,
            )


class BaseOptimizer(Kind, ABC):
    """Settings of an optimiser."""

    axis = Axis("optimizer", "training.optimizer", "What turns gradients into steps.")

    learning_rate: Positive = 1e-3
    """Step size before any schedule."""
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    """Decay of the running mean of the gradient and of its square."""
    eps: Positive = 1e-8
    """Number added to the root of the second; it has a gradient's unit, so it scales with the
    loss."""

    @abstractmethod
    def build(self, vectors: Sequence[Tensor]) -> Adam:
        """The optimiser of these vectors of parameters."""


class AdamConfig(BaseOptimizer):
    """Steps as long in each parameter as the running moments of its gradient say.

    m and v are running means of the gradient and of its square, corrected for their start at 0.
    """

    formula = "w <- w - learning_rate m / (sqrt(v) + eps)"
    advice = "Use it first: little but the learning rate has to be tuned."
    references = '"Adam" (Kingma and Ba, 2015, algorithm 1, arXiv 1412.6980)'

    kind: Literal["adam"] = "adam"

    def build(self, vectors: Sequence[Tensor]) -> Adam:
        return Adam(vectors, self.betas, self.eps)


class AdamWConfig(BaseOptimizer):
    """Adam with weight decay that does not pass through its moments."""

    formula = "w <- w - learning_rate (m / (sqrt(v) + eps) + weight_decay w)"
    advice = """Use it where the ELBO of the validation images falls behind that of the training
        images."""
    references = """
        "Decoupled weight decay regularization" (Loshchilov and Hutter, 2019, algorithm 2, arXiv
        1711.05101)"""

    kind: Literal["adamw"] = "adamw"
    weight_decay: float = Field(default=1e-2, ge=0, allow_inf_nan=False)
    """Part of each weight taken off per step and unit of learning rate."""

    def build(self, vectors: Sequence[Tensor]) -> Adam:
        return Adam(vectors, self.betas, self.eps, self.weight_decay)


OptimizerConfig = Annotated[BaseOptimizer, ONE_OF]
