"""What a checkpoint saves, whole: with it a training goes on bit for bit."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

import torch
from jaxtyping import Float
from pydantic import Field, TypeAdapter, ValidationError
from torch import Tensor, nn

from vaelab.console import digits
from vaelab.engine import COLUMNS
from vaelab.errors import BadValueError
from vaelab.runs.records import Count, Finite, damaged, in_words
from vaelab.tensorfile import read_header, read_tensors, write_tensors


class DivergedError(ArithmeticError):
    """A loss that is not a number, with the step and the last terms that were."""


@dataclass
class Meter:
    """Loss, distortion and rate of the steps since the last reading, nats per image.

    Of the rows, which lie on the training device, as many are filled as there are `sizes`.
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


@dataclass
class Progress:
    """How far a training has come; noise and order follow from it and the seed.

    Attributes:
        step: optimiser steps done.
        epoch: epochs finished.
        batch: batches done of the epoch under way.
        loss_sum: sum of the loss over the epoch's images read so far, nats.
        images: number of those images.
        watched: the watched loss of every finished epoch since the objective last changed, nats.
        controls: settings of the objective at the last step of the last epoch finished; None before
            the first, and where an earlier version saved.
        best_elbo: validation ELBO of the weights kept, nats, None before the first.
        best_loss: their loss on validation images, nats; None before the first, and where an
            earlier version saved.
        best_epoch: the epoch they are of.
        threads: of the CPU, 0 before any were chosen; sums may depend on it in the last bit.
        processes: that shared every batch; likewise.
        seconds: spent training.
        log_bytes: length of metrics.jsonl, None where an earlier version saved.
    """

    step: Count = 0
    epoch: Count = 0
    batch: Count = 0
    loss_sum: Finite = 0.0
    images: Count = 0
    watched: list[Finite] = field(default_factory=list)
    controls: dict[str, Finite] | None = None
    best_elbo: Finite | None = None
    best_loss: Finite | None = None
    best_epoch: Count = 0
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    processes: Count = 1
    seconds: Finite = 0.0
    log_bytes: Count | None = None

    def check(self, path: Path, steps_per_epoch: int) -> None:
        """Refuse a checkpoint of other data, of which no epoch would ever be whole."""
        if self.step != self.epoch * steps_per_epoch + self.batch or self.batch >= steps_per_epoch:
            raise damaged(path, f"{self.step} steps are not {self.epoch} epochs and {self.batch} "
                          f"of {steps_per_epoch} batches")  # fmt: skip


def save_checkpoint(
    path: Path,
    progress: Progress,
    model: nn.Module,
    optimizer: Mapping[str, Tensor],
    meter: Meter,
    for_good: bool = False,
) -> None:
    """Write model, state of the optimiser, unread losses and progress as one file, whole.

    In fewer bytes where it is `for_good`: what is soon written again is written fast.
    """
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"optimizer.{name}": tensor for name, tensor in optimizer.items()}
    tensors["meter"] = meter.rows[: len(meter.sizes)]
    about = {"progress": asdict(progress), "sizes": meter.sizes}
    write_tensors(path, tensors, about, deflated=for_good)


def read_progress(path: Path) -> Progress:
    """How far a saved training has come."""
    return _progress(path, read_header(path))


def load_checkpoint(
    path: Path,
    model: nn.Module,
    load_optimizer: Callable[[Mapping[str, Tensor]], object],
    meter: Meter,
) -> Progress:
    """Put back what `save_checkpoint` wrote."""
    tensors, about = read_tensors(path)
    progress = _progress(path, about)
    try:
        model.load_state_dict(_under("model.", tensors))
        load_optimizer(_under("optimizer.", tensors))
        meter.rows[: len(about["sizes"])] = tensors["meter"].to(meter.rows)
        meter.sizes[:] = about["sizes"]
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise BadValueError(f"{path} does not fit the model of config.yaml: {error}") from error
    return progress


@dataclass
class _About:
    """What the header of a checkpoint says."""

    progress: Progress
    sizes: list[Annotated[int, Field(ge=1, le=2**53)]]


_ABOUT = TypeAdapter(_About)


def _progress(path: Path, about: Mapping[str, Any]) -> Progress:
    try:
        progress = _ABOUT.validate_python(about).progress
    except ValidationError as error:
        raise damaged(path, in_words(error)) from error
    if len(progress.watched) > progress.epoch:
        raise damaged(path, f"{len(progress.watched)} losses of {progress.epoch} epochs")
    return progress


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _explain(step: int, last: list[float] | None) -> str:
    before = ""
    if last is not None:
        terms = ", ".join(
            f"{name} {digits(value, 6)}" for name, value in zip(COLUMNS, last, strict=True)
        )
        before = f" (one step earlier: {terms} nats)"
    return f"the loss of step {step:,} is not a finite number{before}"
