"""Device and number format of a training."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from vaelab.errors import BadValueError
from vaelab.experiment import TrainingConfig
from vaelab.training.threads import available_cores


@dataclass(frozen=True)
class Place:
    """Where a model computes, and in what numbers.

    Attributes:
        device: of parameters, data and draws.
        products: the number format in which networks multiply; None: that of their parameters.
    """

    device: torch.device
    products: torch.dtype | None


def choose_place(config: TrainingConfig, local_rank: int = 0) -> Place:
    """The device that was asked for, or the fastest there is."""
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
    if config.precision == "tf32" and name != "cuda":
        raise BadValueError(
            f"training.precision is `tf32`, a format of NVIDIA GPUs, and the device is `{name}`; "
            "use float32, or bfloat16"
        )
    there = {"cuda": torch.cuda.device_count(), "mps": 1, "cpu": available_cores()}[name]
    if local_rank >= there:
        what = "cores" if name == "cpu" else f"devices of kind `{name}`"
        raise BadValueError(
            f"process {local_rank + 1} of this node finds no device: there are {there} {what}; use "
            f"--devices {there} at most"
        )
    device = torch.device("cpu" if name == "cpu" else f"{name}:{local_rank}")
    return Place(device, torch.bfloat16 if config.precision == "bfloat16" else None)


@contextmanager
def number_format(precision: str) -> Iterator[None]:
    """Make float64 the default where it is asked for, and float32 products exact unless `tf32`.

    PyTorch by itself computes the convolutions of an NVIDIA GPU in TF32.
    """
    former = torch.get_default_dtype()
    products: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)  # type: ignore[attr-defined]
    formats = [product.fp32_precision for product in products]
    torch.set_default_dtype(torch.float64 if precision == "float64" else torch.float32)
    for product in products:
        product.fp32_precision = "tf32" if precision == "tf32" else "ieee"
    try:
        yield
    finally:
        torch.set_default_dtype(former)
        for product, before in zip(products, formats, strict=True):
            product.fp32_precision = before
