"""Where and with what a run is trained, for whoever wants to repeat it."""

import json
import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from vaelab.distributed import size
from vaelab.experiment import Experiment
from vaelab.files import write_text
from vaelab.plugins import used_by

PACKAGES = ("vaelab", "torch", "numpy", "safetensors", "pydantic")


def describe_environment(
    device: torch.device, data_checksum: str, experiment: Experiment
) -> dict[str, Any]:
    """Versions, revision, machine, data, processes, and the plugins that define what is trained."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version(name) for name in PACKAGES},
        "git_revision": _revision(),
        "device": _device_name(device),
        "data_checksum": data_checksum,
        "plugins": used_by(experiment),
        "processes": size(),
    }


def write_environment(path: Path, facts: dict[str, Any], threads: int, seconds: float) -> None:
    """Write environment.json; `seconds` is the time spent training, validation included."""
    content = {**facts, "threads": threads, "training_seconds": round(seconds, 3)}
    write_text(path, json.dumps(content, indent=2) + "\n")


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return f"cuda: {torch.cuda.get_device_name(device)}"
    return f"{device.type}: {platform.processor() or platform.machine()}"


@cache
def _revision() -> str | None:
    """The commit of the checkout this package runs from; None for an installed wheel."""
    root = Path(__file__).parents[3]
    if not (root / ".git").exists() or not (root / "src" / "vaelab").is_dir():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"],
            capture_output=True, text=True, timeout=5, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
