"""`vaelab train --devices 2`: what it says, and what is left when a process dies."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.distributed.conftest import ROOT, free_port, variables
from tests.training.conftest import tiny
from vaelab.config import to_yaml
from vaelab.distributed.seat import Seat
from vaelab.errors import BadCombinationError, BadValueError
from vaelab.tensorfile import read_tensors
from vaelab.training.checkpoint import read_progress

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
        taken = refused(folder, "--devices", "2", MASTER_PORT=port)
        assert "is another training there?" in taken
    elsewhere = {**node, "MASTER_ADDR": "192.0.2.1", "NODE_RANK": "0"}
    assert "name the machine that rank 0 runs on" in refused(folder, "--nodes", "2", **elsewhere)
    network = refused(folder, "--devices", "2", GLOO_SOCKET_IFNAME="none0")
    assert "is GLOO_SOCKET_IFNAME" in network


@pytest.mark.slow
def test_a_file_of_this_folder_takes_the_place_of_no_module(folder: Path) -> None:
    (folder / "random.py").write_text("raise SystemExit('this was run')")
    python, *words = command(folder, "--devices", "2", "training.batch_size=63")
    done = subprocess.run(
        [python, "-P", *words], cwd=folder, capture_output=True, text=True, timeout=SECONDS
    )
    assert "62 or 64" in done.stderr


def seated(commands: Sequence[Sequence[str]]) -> tuple[list[int], list[str]]:
    """Exit codes, and what was said, of processes that each have a node to themselves."""
    port = free_port()
    started = [
        subprocess.Popen(
            words, cwd=ROOT, env=variables(rank, len(commands), port),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank, words in enumerate(commands)
    ]  # fmt: skip
    said = [process.communicate(timeout=SECONDS)[1] for process in started]
    assert not any("Traceback" in words for words in said)
    return [process.returncode for process in started], said


@pytest.mark.slow
def test_processes_with_different_configs_are_refused_by_all(folder: Path) -> None:
    codes, said = seated([command(folder, f"objective.beta={1 + rank}") for rank in range(2)])
    assert codes == [2, 2]
    assert all("rank 1 has not the same config as rank 0" in words for words in said)
    assert not (folder / "tiny").exists()


@pytest.mark.slow
def test_processes_with_different_folders_of_runs_are_refused_by_all(folder: Path) -> None:
    folders = [folder / "here", folder / "there"]
    codes, said = seated([command(folder, "--runs", str(one)) for one in folders])
    assert codes == [2, 2]
    assert all("rank 1 has not the same folder of runs as rank 0" in words for words in said)
    assert not any([*path.iterdir()] for path in folders if path.exists())


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_what_one_finds_wrong_before_training_is_no_fault_for_the_other(
    rank: int, folder: Path
) -> None:
    commands = [command(folder), command(folder)]
    commands[rank].append("data={kind: npz, path: gone.npz}")
    codes, said = seated(commands)
    assert (codes[rank], codes[1 - rank]) == (2, 3)
    assert "gone.npz" in said[rank]
    assert f"rank {rank}" in said[1 - rank]


@pytest.mark.slow
def test_who_waits_for_a_third_is_told_that_rank_0_has_given_up(folder: Path) -> None:
    port = free_port()
    started = [
        subprocess.Popen(
            command(folder, "--timeout", seconds), cwd=ROOT, env=variables(rank, 3, port),
            stderr=subprocess.PIPE, text=True,
        )
        for rank, seconds in enumerate(["5", "200"])
    ]  # fmt: skip
    said = [process.communicate(timeout=SECONDS)[1] for process in started]
    assert "rank 2 has not come" in said[0]
    assert "rank 0 has ended meanwhile" in said[1]
    assert [process.returncode for process in started] == [2, 2]


SHORT_OF_BREATH = """
import sys
from pathlib import Path
from tests.distributed.worker import main
from vaelab.distributed import pulse
pulse.SILENCE = 3.0
main(Path(sys.argv[1]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="stops a process by a signal")
def test_a_process_that_is_stopped_ends_the_other_and_is_named(tmp_path: Path) -> None:
    plain = tiny("training.batch_size=8", "training.epochs=1000", "training.save_minutes=0.003")
    (tmp_path / "configs.json").write_text(json.dumps([plain.model_dump(mode="json")]))
    port = free_port()
    first, second = (
        subprocess.Popen(
            [sys.executable, "-c", SHORT_OF_BREATH, str(tmp_path)], cwd=ROOT,
            env=variables(rank, 2, port), stderr=subprocess.PIPE, text=True,
        )
        for rank in range(2)
    )  # fmt: skip
    try:
        end = time.monotonic() + SECONDS
        while not (tmp_path / "tiny" / "resume.safetensors").is_file():
            assert time.monotonic() < end
            time.sleep(0.1)
        second.send_signal(signal.SIGSTOP)
        said = first.communicate(timeout=SECONDS)[1]
    finally:
        first.kill()
        second.kill()
        second.communicate()
    assert first.returncode == 3
    assert "rank 1 (" in said
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_torchrun_starts_all_again_when_one_is_killed(folder: Path) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    torchrun += ["--master-port", str(free_port()), "--max-restarts", "1", "-m"]
    saved = folder / "tiny" / "resume.safetensors"
    process = subprocess.Popen(
        [*torchrun, *command(folder, "--resume")[2:]], cwd=ROOT,
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
        ({**SLURM, "SLURM_GPUS_PER_TASK": "1"}, Seat(5, 8, 0, 4, "node0", 24711)),
        (
            {**TORCHRUN, "TORCHELASTIC_RESTART_COUNT": "2"},
            Seat(5, 8, 1, 4, "node0", 29400, hosted=True, attempt=2),
        ),
    ],
)
def test_the_environment_says_who_this_is(
    environment: Mapping[str, str], seat: Seat | None
) -> None:
    assert Seat.of(environment) == seat


def test_half_an_environment_and_other_numbers_are_refused() -> None:
    with pytest.raises(BadValueError, match="MASTER_ADDR"):
        Seat.of({name: value for name, value in TORCHRUN.items() if name != "MASTER_ADDR"})
    for wrong, match in {
        "RANK": ("8", "rank 8 of 8"), "LOCAL_WORLD_SIZE": ("0", "0 of them"),
        "MASTER_PORT": ("99999", "1 to 65535"),
    }.items():  # fmt: skip
        with pytest.raises(BadValueError, match=match[1]):
            Seat.of({**TORCHRUN, wrong: match[0]})
    fewer_tasks_than_nodes = Seat.of({**SLURM, "SLURM_NNODES": "16"})
    assert fewer_tasks_than_nodes is not None
    fewer_tasks_than_nodes.check(None, None)
    seat = Seat.of(TORCHRUN)
    assert seat is not None
    seat.check(None, None)
    seat.check(4, 2)
    with pytest.raises(BadCombinationError, match=r"ask for 4 processes, but .* started 8"):
        seat.check(4, 1)
