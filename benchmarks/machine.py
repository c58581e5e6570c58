"""The machine that measures."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vaelab.training.threads import available_cores


def facts() -> dict[str, Any]:
    """What has to be known to compare two measurements; `load` before it began."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return {
        "cpu": _model(),
        "cores": available_cores(),
        "torch": torch.__version__,
        "torch_threads_by_default": torch.get_num_threads(),
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS", "not set"),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "load_before": round(load, 2),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _model() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
