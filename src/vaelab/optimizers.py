"""Optimisers, and learning rates that change from epoch to epoch."""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from math import cos, inf, pi
from typing import Annotated, Literal

from pydantic import Field, model_validator
from torch import Tensor

from vaelab.adam import Adam
from vaelab.registry import ONE_OF, Axis, Kind

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Decay = Annotated[float, Field(ge=0, lt=1)]


class BaseOptimizer(Kind, ABC):
    """Settings of an optimiser."""

    axis = Axis("optimizer", "training.optimizer", "What turns gradients into steps.")

    learning_rate: Positive = 1e-3
    """Step size before any schedule."""
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    """Decay of the running mean of the gradient and of its square."""
    eps: Positive = 1e-8
    """Added to the root of the second; it has a gradient's unit, so it scales with the loss."""

    @abstractmethod
    def build(self, vectors: Sequence[Tensor]) -> Adam:
        """The optimiser of these vectors of parameters."""


class AdamConfig(BaseOptimizer):
    """Steps as long in each parameter as the running moments of its gradient say.

        w <- w - learning_rate m / (sqrt(v) + eps)

    m and v are running means of the gradient and of its square, corrected for their start at 0. Use
    it first: little but the learning rate has to be tuned.

    "Adam" (Kingma and Ba, 2015, algorithm 1, arXiv 1412.6980).
    """

    kind: Literal["adam"] = "adam"

    def build(self, vectors: Sequence[Tensor]) -> Adam:
        """Without weight decay."""
        return Adam(vectors, self.betas, self.eps)


class AdamWConfig(BaseOptimizer):
    """Adam with weight decay that does not pass through its moments.

        w <- w - learning_rate (m / (sqrt(v) + eps) + weight_decay w)

    Use it where the ELBO of the validation images falls behind that of the training images.

    "Decoupled weight decay regularization" (Loshchilov and Hutter, 2019, algorithm 2, arXiv
    1711.05101).
    """

    kind: Literal["adamw"] = "adamw"
    weight_decay: float = Field(default=1e-2, ge=0, allow_inf_nan=False)
    """Part of each weight taken off per step and unit of learning rate."""

    def build(self, vectors: Sequence[Tensor]) -> Adam:
        """With weight decay."""
        return Adam(vectors, self.betas, self.eps, self.weight_decay)


OptimizerConfig = Annotated[BaseOptimizer, ONE_OF]


class LearningRateSchedule(Kind, ABC):
    """The factor on the learning rate, a function of the time and of the losses so far."""

    axis = Axis(
        "learning_rate_schedule", "training.learning_rate_schedule",
        "How the optimiser's learning rate changes over the epochs.", cites=False, bare=True,
    )  # fmt: skip

    @property
    def watched(self) -> Literal["train", "valid"] | None:
        """The split whose loss it looks at, if any."""
        return None

    @abstractmethod
    def __call__(self, epoch: float, epochs: int, losses: Sequence[float]) -> float:
        """The factor.

        Args:
            epoch: epochs trained so far, with the fraction.
            epochs: epochs in all.
            losses: the watched loss of every finished epoch since the objective last changed, nats.
        """


class ConstantRate(LearningRateSchedule):
    """The optimiser's learning rate throughout.

    Use it first, and where training is stopped by hand.
    """

    kind: Literal["constant"] = "constant"

    def __call__(self, epoch: float, epochs: int, losses: Sequence[float]) -> float:
        """1."""
        return 1.0


class PlateauRate(LearningRateSchedule):
    """Lowered whenever the loss has not fallen for more than some epochs.

    The loss is what is minimised. Where that itself changes, by a schedule of beta or by hand, its
    values do not compare, and it begins anew with the full learning rate. Use it where nobody knows
    beforehand how long training has to go on.
    """

    kind: Literal["plateau"] = "plateau"
    factor: float = Field(default=0.5, gt=0, lt=1)
    """What the learning rate is multiplied with."""
    patience: int = Field(default=1, ge=0)
    """Epochs without improvement that are forgiven."""
    watch: Literal["train", "valid"] = "valid"
    """The split whose loss is watched."""

    @property
    def watched(self) -> Literal["train", "valid"]:
        """`watch`."""
        return self.watch

    def __call__(self, epoch: float, epochs: int, losses: Sequence[float]) -> float:
        """`factor` to the power of the plateaus met so far."""
        best, waited, scale = inf, 0, 1.0
        for loss in losses:
            waited = 0 if loss < best else waited + 1
            best = min(best, loss)
            if waited > self.patience:
                waited, scale = 0, scale * self.factor
        return scale


class CosineRate(LearningRateSchedule):
    """Down to zero along half a cosine.

        learning rate = learning_rate (1 + cos(pi epoch / epochs)) / 2

    Use it where the number of epochs is fixed: the last ones take small steps, in which the noise
    of the gradient averages out.

    "SGDR" (Loshchilov and Hutter, 2017, eq. 5 without restarts, arXiv 1608.03983).
    """

    kind: Literal["cosine"] = "cosine"

    def __call__(self, epoch: float, epochs: int, losses: Sequence[float]) -> float:
        """(1 + cos(pi epoch / epochs)) / 2."""
        return (1 + cos(pi * min(1.0, epoch / epochs))) / 2


class StagesRate(LearningRateSchedule):
    """Constant in each of several stages; after the last it stays.

    The default is that of "Importance weighted autoencoders" (Burda et al., 2016, section 5, arXiv
    1509.00519): 3^i epochs at 10^(1 - i/7) of the learning rate, rounded, for i from 0 to 7. Use it
    where a paper's training is to be repeated.
    """

    kind: Literal["stages"] = "stages"
    epochs: tuple[Annotated[int, Field(ge=1)], ...] = (1, 3, 9, 27, 81, 243, 729, 2187)
    """Length of each."""
    factors: tuple[Positive, ...] = (10.0, 7.2, 5.2, 3.7, 2.7, 1.9, 1.4, 1.0)
    """What the learning rate is multiplied with in each."""

    @model_validator(mode="after")
    def _pairs(self) -> "StagesRate":
        if not len(self.epochs) == len(self.factors) > 0:
            raise ValueError(
                f"there are {len(self.epochs)} `epochs` and {len(self.factors)} `factors`; "
                "each stage needs one of both"
            )
        return self

    def __call__(self, epoch: float, epochs: int, losses: Sequence[float]) -> float:
        """The factor of the stage that the epoch lies in."""
        ends = list(accumulate(self.epochs))
        return self.factors[min(bisect_right(ends, epoch), len(ends) - 1)]


LearningRateScheduleConfig = Annotated[LearningRateSchedule, ONE_OF]
