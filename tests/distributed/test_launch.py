"""`vaelab train --devices 2`: what it says, and what is left when a process dies."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.distributed.conftest import ROOT, torchrun
from tests.training.conftest import tiny
from vaelab.config import to_yaml
from vaelab.tensorfile import read_tensors
from vaelab.training.state import read_progress

SECONDS = 180


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
    """Process numbers by rank, of those that are programs of their own by now."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    settings = {int(child): Path(f"/proc/{child}/environ").read_text() for child in children}
    return {
        int(rank): child
        for child, said in settings.items()
        for rank in re.findall(r"\0RANK=(\d+)", said)
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
    assert process.returncode == 130
    assert "stopped as you asked" in said
    assert said.count("to go on: vaelab train") == 1
    step = read_progress(folder / "tiny" / "resume.safetensors").step
    again = start(folder, "--resume")
    end = time.monotonic() + SECONDS
    while read_progress(folder / "tiny" / "resume.safetensors").step <= step:
        assert time.monotonic() < end
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
    network = refused(folder, "--devices", "2", GLOO_SOCKET_IFNAME="none0")
    assert "GLOO_SOCKET_IFNAME" in network
    gone = refused(folder, "--devices", "2", "data={kind: npz, path: gone.npz}")
    assert "gone.npz" in gone
    assert gone.count("\n") == 1


@pytest.mark.slow
def test_a_file_of_this_folder_takes_the_place_of_no_module(folder: Path) -> None:
    (folder / "random.py").write_text("raise SystemExit('this was run')")
    python, *words = command(folder, "--devices", "2", "training.batch_size=63")
    done = subprocess.run(
        [python, "-P", *words], cwd=folder, capture_output=True, text=True, timeout=SECONDS
    )
    assert "62 or 64" in done.stderr


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def by_hand(commands: Sequence[Sequence[str]]) -> tuple[list[int], list[str]]:
    """Exit codes, and what was said, of processes that each were given another command."""
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen(
            words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **shared, "RANK": str(rank), "WORLD_SIZE": str(len(commands))},
        )
        for rank, words in enumerate(commands)
    ]  # fmt: skip
    said = [process.communicate(timeout=SECONDS)[1] for process in started]
    assert not any("Traceback" in words for words in said)
    return [process.returncode for process in started], said


@pytest.mark.slow
def test_processes_with_different_configs_are_refused_by_all(folder: Path) -> None:
    codes, said = by_hand([command(folder, f"objective.beta={1 + rank}") for rank in range(2)])
    assert codes == [2, 2]
    assert all("rank 1 has not the same config as rank 0" in words for words in said)
    assert not (folder / "tiny").exists()


@pytest.mark.slow
def test_processes_with_different_folders_of_runs_are_refused_by_all(folder: Path) -> None:
    folders = [folder / "here", folder / "there"]
    codes, said = by_hand([command(folder, "--runs", str(one)) for one in folders])
    assert codes == [2, 2]
    assert all("rank 1 has not the same folder of runs as rank 0" in words for words in said)
    assert not any([*path.iterdir()] for path in folders if path.exists())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_processes_that_have_not_joined_yet_end_with_their_launcher(folder: Path) -> None:
    process = subprocess.Popen(
        command(folder, "--devices", "2"), cwd=ROOT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    while len(started := workers(process)) < 2:
        time.sleep(0.01)
    process.kill()
    process.wait()
    end = time.monotonic() + 60  # of the day for which others are waited for
    while not all(map(gone, started.values())):
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_what_one_finds_wrong_before_training_is_no_fault_for_the_other(
    rank: int, folder: Path
) -> None:
    commands = [command(folder), command(folder)]
    commands[rank].append("data={kind: npz, path: gone.npz}")
    codes, said = by_hand(commands)
    assert (codes[rank], codes[1 - rank]) == (2, 3), said
    assert "gone.npz" in said[rank]
    assert "lost another process" in said[1 - rank]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_torchrun_starts_all_again_when_one_is_killed(folder: Path) -> None:
    launcher = torchrun(2, "vaelab", *command(folder, "--resume")[3:])
    saved = folder / "tiny" / "resume.safetensors"
    process = subprocess.Popen(
        [*launcher[:3], "--max-restarts", "1", *launcher[3:]], cwd=ROOT,
        env={**os.environ, "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"},  # as docs/scaling.md says
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def gets_beyond(step: int) -> int:
        end = time.monotonic() + SECONDS
        while not (saved.is_file() and read_progress(saved).step > step):
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.1)
        return read_progress(saved).step

    try:
        gets_beyond(0)
        ranks = workers(process)
        os.kill(ranks[1], signal.SIGKILL)
        end = time.monotonic() + SECONDS
        while not gone(ranks[0]):
            assert time.monotonic() < end
            time.sleep(0.1)
        gets_beyond(read_progress(saved).step)
    finally:
        process.terminate()
        process.wait(timeout=SECONDS)


TORCHRUN = {"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "words", "wanted"),
    [
        (TORCHRUN, ["--devices", "2"], "asks for 2 processes on this machine, but torchrun has"),
        (TORCHRUN, [], "MASTER_ADDR"),
        ({"SLURM_STEP_NUM_TASKS": "8"}, [], "torchrun on each machine"),
    ],
)
def test_an_environment_that_is_not_right_is_refused(
    environment: dict[str, str], words: list[str], wanted: str, folder: Path
) -> None:
    said = refused(folder, *words, **environment)
    assert wanted in said
    assert said.count("\n") == 1
