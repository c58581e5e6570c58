"""Adam over vectors of parameters."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """Adam of several vectors at once, each with a learning rate of its own.

    "Adam" (Kingma and Ba, 2015, algorithm 1, arXiv 1412.6980), with the weight decay of "Decoupled
    weight decay regularization" (Loshchilov and Hutter, 2019, algorithm 2, arXiv 1711.05101).

    The arithmetic is PyTorch's fused kernel, called as a function: the classes of torch.optim
    import a compiler, over a second, and look through their settings at every step.

    Args:
        vectors: parameters, updated in place.
        betas: decay of the running mean of the gradient and of its square.
        eps: added to the root of the second.
        weight_decay: part of each parameter taken off per step and unit of learning rate.

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
