"""Numbers that change while training: epoch -> float. A bare number in YAML is a constant.

Time is counted in epochs and fractions of them, so that a schedule means the same at every batch
size.
"""

from abc import ABC, abstractmethod
from math import cos, pi
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from vaelab.registry import ONE_OF, Axis, Kind


class Schedule(Kind, ABC):
    """A number as a function of the epochs trained so far."""

    axis = Axis(
        "schedule", "objective.beta",
        "How a number such as beta changes over the epochs; a bare number stays what it is.",
        cites=False,
    )  # fmt: skip

    @abstractmethod
    def __call__(self, epoch: float) -> float:
        """The value after `epoch` epochs (a fraction inside an epoch)."""


class ConstantSchedule(Schedule):
    """The same value throughout.

    Use it where nothing has to be warmed up; a bare number says the same.
    """

    kind: Literal["constant"] = "constant"
    value: float = Field(default=1.0, ge=0)
    """The value."""

    def __call__(self, epoch: float) -> float:
        """`value`."""
        return self.value


class LinearSchedule(Schedule):
    """A straight warm-up from one value to another, constant afterwards.

        value = start + (end - start) min(1, epoch / epochs)

    Use it to bring beta up from 0, so that the decoder learns to read the code before the rate is
    charged in full.

    "Generating sentences from a continuous space" (Bowman et al., 2016, section 3.1, arXiv
    1511.06349).
    """

    kind: Literal["linear"] = "linear"
    start: float = Field(default=0.0, ge=0)
    """The value at epoch 0."""
    end: float = Field(default=1.0, ge=0)
    """The value from `epochs` on."""
    epochs: float = Field(default=5.0, gt=0)
    """How long the way takes."""

    def __call__(self, epoch: float) -> float:
        """`start + (end - start) min(1, epoch / epochs)`."""
        return self.start + (self.end - self.start) * min(1.0, epoch / self.epochs)


class CosineSchedule(Schedule):
    """Half a wave from one value to another, slow at both ends, constant afterwards.

        value = end + (start - end) (1 + cos(pi min(1, epoch / epochs))) / 2

    Use it as `linear`, where the value should neither set out nor arrive with a jerk.

    For learning rates: "SGDR" (Loshchilov and Hutter, 2017, eq. 5, arXiv 1608.03983).
    """

    kind: Literal["cosine"] = "cosine"
    start: float = Field(default=0.0, ge=0)
    """The value at epoch 0."""
    end: float = Field(default=1.0, ge=0)
    """The value from `epochs` on."""
    epochs: float = Field(default=5.0, gt=0)
    """How long the way takes."""

    def __call__(self, epoch: float) -> float:
        """`end + (start - end) (1 + cos(pi min(1, epoch / epochs))) / 2`."""
        wave = (1 + cos(pi * min(1.0, epoch / self.epochs))) / 2
        return self.end + (self.start - self.end) * wave


class CyclicalSchedule(Schedule):
    """A warm-up that begins again every period: up for a part of it, then held.

        value = start + (end - start) min(1, (epoch mod period) / (rise period))

    Use it where the rate falls to nothing in spite of one warm-up: every period starts from the
    code that the last one has found. Train for whole periods, so that it ends at the upper value.

    "Cyclical annealing schedule" (Fu et al., 2019, eq. 6, arXiv 1903.10145).
    """

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
        """`start + (end - start) min(1, (epoch mod period) / (rise period))`."""
        phase = (epoch % self.period) / self.period
        return self.start + (self.end - self.start) * min(1.0, phase / self.rise)


def _constant(value: Any) -> Any:
    number = isinstance(value, int | float | str) and not isinstance(value, bool)
    return {"kind": "constant", "value": value} if number else value


ScheduleConfig = Annotated[Annotated[Schedule, ONE_OF], BeforeValidator(_constant)]
