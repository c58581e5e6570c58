import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from vaelab.experiment import Experiment

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def variables(rank: int, size: int, port: int) -> dict[str, str]:
    """What torchrun tells a process that has its node for itself."""
    return {
        **os.environ, "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
        "RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1",
    }  # fmt: skip


def train_shared(experiments: Sequence[Experiment], folder: Path, processes: int = 2) -> None:
    """Train every experiment by so many processes; each trains all, one after the other."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = [experiment.model_dump(mode="json") for experiment in experiments]
    (folder / "configs.json").write_text(json.dumps(plain))
    port = free_port()
    words = [sys.executable, "-m", "tests.distributed.worker", str(folder)]
    started = [
        subprocess.Popen(
            words, env=variables(rank, processes, port), cwd=ROOT,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for rank in range(processes)
    ]  # fmt: skip
    try:
        said = [process.communicate(timeout=480)[0] for process in started]
    finally:
        for process in started:
            process.kill()
    codes = [process.returncode for process in started]
    assert codes == [0] * processes, "\n".join(said)
