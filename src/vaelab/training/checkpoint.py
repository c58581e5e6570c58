"""Everything needed to go on bit for bit, in one file."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from vaelab.errors import BadValueError
from vaelab.tensorfile import read_header, read_tensors, write_tensors
from vaelab.training.meter import Meter


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

    step: int = 0
    epoch: int = 0
    batch: int = 0
    loss_sum: float = 0.0
    images: int = 0
    watched: list[float] = field(default_factory=list)
    controls: dict[str, float] | None = None
    best_elbo: float | None = None
    best_loss: float | None = None
    best_epoch: int = 0
    threads: int = 0
    processes: int = 1
    seconds: float = 0.0
    log_bytes: int | None = None


def save_checkpoint(
    path: Path,
    progress: Progress,
    model: nn.Module,
    optimizer: Mapping[str, Tensor],
    meter: Meter,
) -> None:
    """Write model, state of the optimiser, unread losses and progress as one file, whole."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"optimizer.{name}": tensor for name, tensor in optimizer.items()}
    tensors["meter"] = meter.rows[: len(meter.sizes)]
    write_tensors(path, tensors, {"progress": asdict(progress), "sizes": meter.sizes})


def read_progress(path: Path) -> Progress:
    """How far a saved training has come.

    Raises:
        BadValueError: the file is damaged.
    """
    return _progress(path, read_header(path))


def load_checkpoint(
    path: Path,
    model: nn.Module,
    load_optimizer: Callable[[Mapping[str, Tensor]], object],
    meter: Meter,
) -> Progress:
    """Put back what `save_checkpoint` wrote.

    Raises:
        BadValueError: the file is damaged or of another model.
    """
    tensors, about = read_tensors(path)
    progress = _progress(path, about)
    try:
        model.load_state_dict(_under("model.", tensors))
        load_optimizer(_under("optimizer.", tensors))
        meter.rows[: len(about["sizes"])] = tensors["meter"].to(meter.rows)
        meter.sizes[:] = about["sizes"]
    except (KeyError, RuntimeError, ValueError) as error:
        raise BadValueError(f"{path} does not fit the model of config.yaml: {error}") from error
    return progress


def _progress(path: Path, about: Mapping[str, Any]) -> Progress:
    try:
        return Progress(**about["progress"])
    except (KeyError, TypeError) as error:
        raise BadValueError(f"{path} was not written by this version: {error}") from error


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
