"""Device and number format of a training."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from lightning_fabric import Fabric

from vaelab.errors import BadValueError
from vaelab.experiment import TrainingConfig

FABRIC_NAMES: dict[str, Literal["32-true", "64-true", "bf16-mixed"]] = {
    "float32": "32-true",
    "float64": "64-true",
    "bfloat16": "bf16-mixed",
}


def make_fabric(config: TrainingConfig) -> Fabric:
    """Lightning Fabric on one device.

    Raises:
        BadValueError: the device is not there, or cannot compute in this format.
    """
    available = {
        "auto": True,
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not available[config.device]:
        raise BadValueError(
            f"training.device is `{config.device}`, which this machine (or this build of PyTorch) "
            "does not have; use `auto` or `cpu`"
        )
    fabric = Fabric(accelerator=config.device, devices=1, precision=FABRIC_NAMES[config.precision])
    if config.precision == "float64" and fabric.device.type == "mps":
        raise BadValueError("Apple GPUs have no float64; use training.device=cpu or float32")
    return fabric


@contextmanager
def default_dtype(precision: str) -> Iterator[None]:
    """Make float64 the default inside the block where the precision asks for it."""
    former = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64 if precision == "float64" else torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(former)
