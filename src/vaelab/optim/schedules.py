"""Numbers that change while training: of the objective, and the learning rate's factor.

Time is counted in epochs and fractions of them, so that a schedule means the same at every batch
size.
"""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from math import cos, inf, pi
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from vaelab.registry import ONE_OF, Axis, Kind

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Schedule(Kind, ABC):
    """A number as a function of the epochs trained so far."""

    axis = Axis(
        "schedule", "objective.beta",
        "How a number such as beta changes over the epochs; a bare number stays what it is.",
    )  # fmt: skip

    @abstractmethod
    def __call__(self, epoch: float) -> float:
        """The value after `epoch` epochs (a fraction inside an epoch)."""

    @property
    def length(self) -> float:
        """Epochs after which it stays what it is; 0 where it always does, or has no end."""
        return 0.0


class ConstantSchedule(Schedule):
    """The same value throughout."""

    advice = "Use it where nothing has to be warmed up; a bare number says the same."

    kind: Literal["constant"] = "constant"
    value: float = Field(default=1.0, ge=0)
    """The value."""

    def __call__(self, epoch: float) -> float:
        return self.value


class _WarmUp(Schedule, ABC):
    start: float = Field(default=0.0, ge=0)
    """The value at epoch 0."""
    end: float = Field(default=1.0, ge=0)
    """The value from `epochs` on."""
    epochs: float = Field(default=5.0, gt=0)
    """Epochs from one to the other."""

    @property
    def length(self) -> float:
        return self.epochs if self.start != self.end else 0.0


class LinearSchedule(_WarmUp):
    """A straight warm-up from one value to another, constant afterwards."""

    formula = "value = start + (end - start) min(1, epoch / epochs)"
    advice = """Use it to bring beta up from 0, so that the decoder learns to read the code before
        the rate is charged in full."""
    references = """
        "Generating sentences from a continuous space" (Bowman et al., 2016, section 3.1, arXiv
        1511.06349)"""

    kind: Literal["linear"] = "linear"

    def __call__(self, epoch: float) -> float:
        return self.start + (self.end - self.start) * min(1.0, epoch / self.epochs)


class CosineSchedule(_WarmUp):
    """Half a wave from one value to another, slow at both ends, constant afterwards."""

    formula = "value = end + (start - end) (1 + cos(pi min(1, epoch / epochs))) / 2"
    advice = "Use it as `linear`, where the value should neither set out nor arrive with a jerk."
    references = 'For learning rates: "SGDR" (Loshchilov and Hutter, 2017, eq. 5, arXiv 1608.03983)'

    kind: Literal["cosine"] = "cosine"

    def __call__(self, epoch: float) -> float:
        return self.end + (self.start - self.end) * half_wave(epoch / self.epochs)


class CyclicalSchedule(Schedule):
    """A warm-up that begins again every period: up for a part of it, then held."""

    formula = "value = start + (end - start) min(1, (epoch mod period) / (rise period))"
    advice = """Use it where the rate falls to nothing in spite of one warm-up: every period starts
        from the code that the last one has found. Train for whole periods, so that it ends at the
        upper value."""
    references = '"Cyclical annealing schedule" (Fu et al., 2019, eq. 6, arXiv 1903.10145)'

    kind: Literal["cyclical"] = "cyclical"
    start: float = Field(default=0.0, ge=0)
    """The value at the beginning of each period."""
    end: float = Field(default=1.0, ge=0)
    """The value it rises to."""
    period: float = Field(default=5.0, gt=0)
    """Length of a period in epochs."""
    rise: float = Field(default=0.5, gt=0, le=1)
    """The part of a period in which it rises."""

    def __call__(self, epoch: float) -> float:
        phase = (epoch % self.period) / self.period
        return self.start + (self.end - self.start) * min(1.0, phase / self.rise)


def half_wave(part: float) -> float:
    """Half a cosine from 1 to 0, and 0 from there on."""
    return (1 + cos(pi * min(1.0, part))) / 2


def _constant(value: Any) -> Any:
    number = isinstance(value, int | float | str) and not isinstance(value, bool)
    return {"kind": "constant", "value": value} if number else value


ScheduleConfig = Annotated[Annotated[Schedule, ONE_OF], BeforeValidator(_constant)]


class LearningRateSchedule(Kind, ABC):
    """The factor on the learning rate, a function of the time and of the losses so far."""

    axis = Axis(
        "learning_rate_schedule", "training.learning_rate_schedule",
        "How the optimiser's learning rate changes over the epochs.",
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
    """The optimiser's learning rate throughout."""

    advice = "Use it first, and where training is stopped by hand."

    kind: Literal["constant"] = "constant"

    def __call__(self, epoch: float, epochs: int, losses: Sequence[float]) -> float:
        return 1.0


class PlateauRate(LearningRateSchedule):
    """Lowered whenever the loss has not fallen for more than some epochs.

    The loss is what is minimised. Where that itself changes, by a schedule of beta or by hand, its
    values do not compare, and it begins anew with the full learning rate.
    """

    advice = "Use it where nobody knows beforehand how long training has to go on."

    kind: Literal["plateau"] = "plateau"
    factor: float = Field(default=0.5, gt=0, lt=1)
    """Factor that the learning rate is multiplied with."""
    patience: int = Field(default=1, ge=0)
    """Epochs without improvement that are forgiven."""
    watch: Literal["train", "valid"] = "valid"
    """The split whose loss is watched."""

    @property
    def watched(self) -> Literal["train", "valid"]:
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
    """Down to zero along half a cosine."""

    formula = "learning rate = learning_rate (1 + cos(pi epoch / epochs)) / 2"
    advice = """Use it where the number of epochs is fixed: the last ones take small steps, in which
        the noise of the gradient averages out."""
    references = '"SGDR" (Loshchilov and Hutter, 2017, eq. 5 without restarts, arXiv 1608.03983)'

    kind: Literal["cosine"] = "cosine"

    def __call__(self, epoch: float, epochs: int, losses: Sequence[float]) -> float:
        return half_wave(epoch / epochs)


class StagesRate(LearningRateSchedule):
    """Constant in each of several stages; after the last it stays.

    The default is that of Burda et al. (2016): 3^i epochs at 10^(1 - i/7) of the learning rate,
    rounded, for i from 0 to 7.
    """

    advice = "Use it where a paper's training is to be repeated."
    references = """
        "Importance weighted autoencoders" (Burda et al., 2016, section 5, arXiv 1509.00519)"""

    kind: Literal["stages"] = "stages"
    epochs: tuple[Annotated[int, Field(ge=1)], ...] = (1, 3, 9, 27, 81, 243, 729, 2187)
    """Epochs that each stage lasts."""
    factors: tuple[Positive, ...] = (10.0, 7.2, 5.2, 3.7, 2.7, 1.9, 1.4, 1.0)
    """Factors that the learning rate is multiplied with, one for each stage."""

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
