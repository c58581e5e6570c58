"""`vaelab train --devices 2`: what it says, and what is left when a process dies."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.distributed.conftest import ROOT, free_port, variables
from tests.training.conftest import tiny
from vaelab.config import to_yaml
from vaelab.distributed.seat import Seat
from vaelab.errors import BadCombinationError, BadValueError
from vaelab.run import read_tensors
from vaelab.training.checkpoint import read_progress

SECONDS = 60


def command(folder: Path, *words: str) -> list[str]:
    return [
        sys.executable, "-m", "vaelab", "train", str(folder / "long.yaml"), "--runs", str(folder),
        *words,
    ]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    slow = tiny("training.batch_size=8", "training.epochs=1000", "training.save_minutes=0.003")
    (tmp_path / "long.yaml").write_text(to_yaml(slow))
    return tmp_path


def start(folder: Path, *words: str) -> "subprocess.Popen[str]":
    """A training by two processes that has saved something."""
    process = subprocess.Popen(
        command(folder, "--devices", "2", *words),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end, saved = time.monotonic() + SECONDS, folder / "tiny" / "resume.safetensors"
    while not (saved.is_file() and read_progress(saved).step > 5):
        assert time.monotonic() < end
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    return process


def workers(process: "subprocess.Popen[str]") -> dict[int, int]:
    """Process numbers by rank."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return {
        int(re.findall(r"\0RANK=(\d+)", Path(f"/proc/{child}/environ").read_text())[0]): int(child)
        for child in children
    }


def gone(process: int) -> bool:
    try:
        return "State:\tZ" in Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return True


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("killed", [0, 1])
def test_a_process_that_is_killed_ends_the_other_and_is_named(killed: int, folder: Path) -> None:
    process = start(folder)
    ranks = workers(process)
    os.kill(ranks[killed], signal.SIGKILL)
    said = process.communicate(timeout=SECONDS)[1]
    assert process.returncode == 1
    assert f"rank {killed} was killed by SIGKILL" in said
    assert "Traceback" not in said
    assert all(map(gone, ranks.values()))
    tensors, about = read_tensors(folder / "tiny" / "resume.safetensors")
    assert all(tensor.isfinite().all() for tensor in tensors.values())
    assert about["progress"]["step"] > 5


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_control_c_saves_once_and_a_killed_launcher_leaves_nothing_running(folder: Path) -> None:
    process = start(folder)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 0
    assert "stopped as you asked" in said
    assert said.count("to go on: vaelab train") == 1
    step = read_progress(folder / "tiny" / "resume.safetensors").step
    again = start(folder, "--resume")
    while read_progress(folder / "tiny" / "resume.safetensors").step <= step:
        time.sleep(0.1)
    ranks = workers(again)
    again.kill()
    again.communicate()
    end = time.monotonic() + SECONDS
    while not all(map(gone, ranks.values())):
        assert time.monotonic() < end
        time.sleep(0.1)


def refused(folder: Path, *words: str, **variables: str) -> str:
    done = subprocess.run(
        command(folder, *words), cwd=ROOT, env={**os.environ, **variables},
        capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "tiny").exists()
    return done.stderr


@pytest.mark.slow
def test_what_cannot_be_shared_is_refused_in_one_line(folder: Path) -> None:
    odd = refused(folder, "--devices", "2", "training.batch_size=63")
    assert "62 or 64" in odd
    assert odd.count("\n") == 1
    devices = (os.cpu_count() or 1) + 1
    assert f"{devices - 1} cores" in refused(folder, "--devices", str(devices))
    assert "training.replicas=1" in refused(folder, "--devices", "2", "training.replicas=2")
    assert "MASTER_ADDR" in refused(folder, "--nodes", "2")


@pytest.mark.slow
def test_a_port_that_is_taken_and_a_node_that_never_joins_are_named(folder: Path) -> None:
    port = str(free_port())
    node = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    waited = refused(folder, "--nodes", "2", "--timeout", "3", **node, NODE_RANK="0")
    assert "waited 3 s, and rank 1 has not come" in waited
    alone = refused(folder, "--nodes", "2", "--timeout", "3", **node, NODE_RANK="1")
    assert f"found nobody at 127.0.0.1:{port}" in alone
    with socket.create_server(("127.0.0.1", int(port))):
        assert "cannot listen" in refused(folder, "--devices", "2", MASTER_PORT=port)


@pytest.mark.slow
def test_processes_with_different_configs_are_refused_by_all(folder: Path) -> None:
    port = free_port()
    started = [
        subprocess.Popen(
            command(folder, f"objective.beta={1 + rank}"), cwd=ROOT, env=variables(rank, 2, port),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    for process in started:
        said = process.communicate(timeout=SECONDS)[1]
        assert process.returncode == 2
        assert "rank 1 has not the same config as rank 0" in said
    assert not (folder / "tiny").exists()


@pytest.mark.slow
def test_what_rank_0_finds_wrong_before_training_is_no_fault_for_the_others(folder: Path) -> None:
    port = free_port()
    started = [
        subprocess.Popen(
            command(folder, "data={kind: npz, path: gone.npz}"), cwd=ROOT,
            env=variables(rank, 2, port), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    said = [process.communicate(timeout=SECONDS)[1] for process in started]
    assert [process.returncode for process in started] == [2, 3]
    assert "gone.npz" in said[0]
    assert "rank 0" in said[1]
    assert "Traceback" not in said[0] + said[1]


TORCHRUN = {
    "RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4",
    "MASTER_ADDR": "node0", "MASTER_PORT": "29400", "TORCHELASTIC_USE_AGENT_STORE": "True",
}  # fmt: skip
SLURM = {
    "SLURM_PROCID": "5", "SLURM_STEP_NUM_TASKS": "8", "SLURM_LOCALID": "1", "SLURM_NNODES": "2",
    "SLURM_JOB_ID": "4711", "SLURM_NODELIST": "node0,node1",
}  # fmt: skip


@pytest.mark.parametrize(
    ("environment", "seat"),
    [
        (TORCHRUN, Seat(5, 8, 1, 4, "node0", 29400, hosted=True)),
        (SLURM, Seat(5, 8, 1, 4, "node0", 24711)),
        ({}, None),
        ({**TORCHRUN, "WORLD_SIZE": "1"}, None),
        ({**SLURM, "SLURM_STEP_NUM_TASKS": "1"}, None),
    ],
)
def test_the_environment_says_who_this_is(
    environment: Mapping[str, str], seat: Seat | None
) -> None:
    assert Seat.of(environment) == seat


def test_half_an_environment_and_other_numbers_are_refused() -> None:
    with pytest.raises(BadValueError, match="MASTER_ADDR"):
        Seat.of({name: value for name, value in TORCHRUN.items() if name != "MASTER_ADDR"})
    seat = Seat.of(TORCHRUN)
    assert seat is not None
    seat.check(None, None)
    seat.check(4, 2)
    with pytest.raises(BadCombinationError, match=r"ask for 4 processes, but .* started 8"):
        seat.check(4, 1)
