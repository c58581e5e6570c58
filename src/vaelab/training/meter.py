"""What the steps cost, kept on the device and read once per log interval."""

from dataclasses import dataclass, field
from math import isfinite

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.errors import BadValueError

COLUMNS = ("loss", "distortion", "rate")


class DivergedError(ArithmeticError):
    """A loss that is not a number, with the step and the last terms that were."""


class DivergedRunError(BadValueError):
    """Training cannot go on, because the loss of the run of this name is not a number."""

    def __init__(self, run: str, explanation: str) -> None:
        super().__init__(explanation)
        self.run = run


@dataclass
class Meter:
    """Loss, distortion and rate of the steps since the last reading, nats per image.

    Attributes:
        rows: `(interval, 3)` on the training device; the first `len(sizes)` are filled.
        sizes: images of each of those steps.
    """

    rows: Float[Tensor, "interval 3"]
    sizes: list[int] = field(default_factory=list)

    @classmethod
    def empty(cls, interval: int, device: torch.device) -> "Meter":
        """Room for `interval` steps."""
        return cls(torch.zeros(interval, len(COLUMNS), device=device))

    @property
    def full(self) -> bool:
        """Whether it has to be read before the next step."""
        return len(self.sizes) == len(self.rows)

    def add(self, terms: Float[Tensor, " 3"], images: int) -> None:
        """Note a step without waiting for the device."""
        self.rows[len(self.sizes)].copy_(terms)
        self.sizes.append(images)

    def totals(self, step: int) -> tuple[dict[str, float], int]:
        """Sums over images of each column since the last reading, and the number of images.

        Args:
            step: the number of the last step noted.

        Raises:
            DivergedError: a loss was not finite.
        """
        rows = self.rows[: len(self.sizes)].tolist()
        first = step - len(rows) + 1
        for i, row in enumerate(rows):
            if not all(isfinite(value) for value in row):
                raise DivergedError(_explain(first + i, rows[i - 1] if i else None))
        sums = {
            name: sum(row[column] * size for row, size in zip(rows, self.sizes, strict=True))
            for column, name in enumerate(COLUMNS)
        }
        return sums, sum(self.sizes)

    def clear(self) -> None:
        """Begin a new interval."""
        self.sizes.clear()


def _explain(step: int, last: list[float] | None) -> str:
    if last is None:
        before = "the step before was the last of an interval that was finite"
    else:
        terms = ", ".join(f"{name} {value:.6g}" for name, value in zip(COLUMNS, last, strict=True))
        before = f"one step earlier: {terms} nats"
    return f"the loss of step {step:,} is not a finite number ({before})"
