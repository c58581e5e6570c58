"""Device and number format of a training."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch

from vaelab.errors import BadValueError
from vaelab.experiment import TrainingConfig


@dataclass(frozen=True)
class Place:
    """Where a model computes, and in what numbers.

    Attributes:
        device: of parameters, data and draws.
        mixed: products in bfloat16, everything else in float32.
    """

    device: torch.device
    mixed: bool

    def autocast(self) -> AbstractContextManager[object]:
        """In this block products are in the format chosen."""
        if not self.mixed:
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)


def choose_place(config: TrainingConfig) -> Place:
    """The device that was asked for, or the fastest there is.

    Raises:
        BadValueError: the device is not there, or cannot compute in this format.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    name: str = config.device
    if name == "auto":
        name = next(device for device, there in available.items() if there)
    if not available[name]:
        raise BadValueError(
            f"training.device is `{name}`, which this machine (or this build of PyTorch) "
            "does not have; use `auto` or `cpu`"
        )
    if config.precision == "float64" and name == "mps":
        raise BadValueError("Apple GPUs have no float64; use training.device=cpu or float32")
    device = torch.device("cpu" if name == "cpu" else f"{name}:0")
    return Place(device, config.precision == "bfloat16")


@contextmanager
def default_dtype(precision: str) -> Iterator[None]:
    """Make float64 the default inside the block where the precision asks for it."""
    former = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64 if precision == "float64" else torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(former)
