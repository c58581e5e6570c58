"""A schedule of your own.

vaelab train digits "objective.beta={kind: exponential}" --plugin examples/schedule.py
"""

from math import exp
from typing import Literal

from pydantic import Field

from vaelab.optim import Schedule


class ExponentialSchedule(Schedule):
    """An exponential approach: value = end + (start - end) exp(-epoch / time)."""

    kind: Literal["exponential"] = "exponential"
    start: float = Field(default=0.0, ge=0)
    """The value at epoch 0."""
    end: float = Field(default=1.0, ge=0)
    """The value that it comes near to."""
    time: float = Field(default=5.0, gt=0)
    """Epochs in which the distance falls to 1/e."""

    def __call__(self, epoch: float) -> float:
        """The value after `epoch` epochs, a fraction inside an epoch."""
        return self.end + (self.start - self.end) * exp(-epoch / self.time)
