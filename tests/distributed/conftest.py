import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from vaelab.experiment import Experiment

ROOT = Path(__file__).parents[2]


def torchrun(processes: int, module: str, *words: str) -> list[str]:
    return [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node",
        str(processes), "-m", module, *words,
    ]  # fmt: skip


def train_shared(experiments: Sequence[Experiment], folder: Path, processes: int = 2) -> None:
    """Train every experiment by so many processes; each trains all, one after the other."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = [experiment.model_dump(mode="json") for experiment in experiments]
    (folder / "configs.json").write_text(json.dumps(plain))
    done = subprocess.run(
        torchrun(processes, "tests.distributed.worker", str(folder)), cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=480,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
