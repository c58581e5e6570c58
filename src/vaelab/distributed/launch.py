"""Starting the processes of one node and watching over them."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic, sleep
from types import FrameType
from typing import IO

from vaelab.errors import STOPPED, BadValueError, UserError

POLL = 0.1
"""Seconds between looks at the processes."""
GRACE = 12.0
"""Seconds that the others have to end by themselves after one has failed."""
REFUSED = 3.0
"""The same, where it refused what all were given."""
PR_SET_PDEATHSIG = 1
LAST_WORDS = 2_000
"""Characters of what a process other than rank 0 has said."""


@dataclass
class _Worker:
    rank: int
    process: subprocess.Popen[bytes]
    said: IO[bytes] | None


def launch(words: Sequence[str], devices: int, nodes: int) -> int:
    """Run `python -m vaelab *words` as one process for each device of this node.

    Rank 0 speaks; of the others only what they say last, if they fail first. Ctrl-C is passed on:
    every process finishes its step, and rank 0 saves. A second one ends all at once.

    Args:
        words: the command line.
        devices: processes on this node.
        nodes: on each of which the same is called, with MASTER_ADDR, MASTER_PORT and NODE_RANK.

    Returns:
        The exit code, 130 or 143 where a signal has stopped them.

    Raises:
        BadValueError: nodes are not named.
    """
    places = seats(devices, nodes)
    workers = [_start(words, int(seat["RANK"]), seat) for seat in places]
    signals = _Signals(workers)
    try:
        return _watch(workers, signals)
    finally:
        signals.restore()
        for worker in workers:
            if worker.process.poll() is None:
                worker.process.kill()
            worker.process.wait()
            if worker.said:
                worker.said.close()


def seats(devices: int, nodes: int) -> list[dict[str, str]]:
    """The variables that torchrun would set, for every process of this node."""
    if nodes == 1:
        address, node = "127.0.0.1", 0
        port = os.environ.get("MASTER_PORT") or str(_free_port())
    else:
        try:
            address, port = os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"]
            node = int(os.environ["NODE_RANK"])
        except (KeyError, ValueError) as error:
            raise BadValueError(
                f"--nodes {nodes} needs the environment to say where the nodes meet ({error}): on "
                f"each start `MASTER_ADDR=NODE0 MASTER_PORT=29500 NODE_RANK=0..{nodes - 1} vaelab "
                "train ...` with the same options; torchrun and srun set this by themselves"
            ) from error
        if not 0 <= node < nodes:
            raise BadValueError(f"NODE_RANK is {node}; with --nodes {nodes} it is 0 to {nodes - 1}")
    loopback = {"GLOO_SOCKET_IFNAME": "lo"} if nodes == 1 and sys.platform == "linux" else {}
    cores = max(1, (os.cpu_count() or 1) // devices)
    return [
        {
            "OMP_NUM_THREADS": str(cores), "TORCH_CPP_LOG_LEVEL": "ERROR", **loopback, **os.environ,
            "MASTER_ADDR": address, "MASTER_PORT": port,
            "RANK": str(node * devices + local), "WORLD_SIZE": str(nodes * devices),
            "LOCAL_RANK": str(local), "LOCAL_WORLD_SIZE": str(devices),
        }
        for local in range(devices)
    ]  # fmt: skip


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def _start(words: Sequence[str], rank: int, environment: Mapping[str, str]) -> _Worker:
    said = tempfile.TemporaryFile() if rank else None
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "vaelab", *words],
        stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment,
        start_new_session=True,  # a terminal's Ctrl-C comes through here, and once
        preexec_fn=_begin,
    )  # fmt: skip
    return _Worker(rank, process, said)


def _begin() -> None:
    """Heed SIGINT, and ask for SIGTERM should this launcher be killed (prctl(2))."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class _Signals:
    """Passes SIGINT and SIGTERM on; kills at the second.

    Attributes:
        first: the number of the first; None before it.
    """

    def __init__(self, workers: Sequence[_Worker]) -> None:
        self._workers = workers
        self.first: int | None = None
        self._former = {
            kind: signal.signal(kind, self._pass_on) for kind in (signal.SIGINT, signal.SIGTERM)
        }

    def restore(self) -> None:
        for kind, handler in self._former.items():
            signal.signal(kind, handler)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        again, self.first = self.first is not None, self.first or number
        for worker in self._workers:
            if worker.process.poll() is None:
                worker.process.send_signal(signal.SIGKILL if again else number)


def _watch(workers: Sequence[_Worker], signals: _Signals) -> int:
    def is_failed(worker: _Worker) -> bool:
        code = worker.process.poll()
        saved = signals.first is not None and code == STOPPED + signals.first
        return bool(code) and not saved

    failed: _Worker | None = None
    deadline = float("inf")
    while any(worker.process.poll() is None for worker in workers):
        if failed is None:
            failed = next(filter(is_failed, workers), None)
            if failed:
                refused = failed.process.returncode == UserError.exit_code
                deadline = monotonic() + (REFUSED if refused else GRACE)
        if monotonic() > deadline:
            for worker in workers:
                worker.process.kill()
        sleep(POLL)
    failed = failed or next(filter(is_failed, workers), None)
    if signals.first is not None:
        ended = all(worker.process.returncode == 0 for worker in workers)
        return 0 if ended else STOPPED + signals.first
    if failed is None:
        return 0
    code = failed.process.returncode
    if code < 0:
        print(
            f"vaelab: rank {failed.rank} was killed by {signal.Signals(-code).name}; the others "
            "were ended; what was saved is whole, and --resume goes on from it",
            file=sys.stderr,
        )  # fmt: skip
        return 1
    # what is wrong for all of them, rank 0 has said
    explained = workers[0].rank == 0 and workers[0].process.returncode == UserError.exit_code
    if failed.said is not None and not explained:
        failed.said.seek(0)
        said = failed.said.read()[-LAST_WORDS:].decode(errors="replace").strip()
        print(f"rank {failed.rank}: {said}", file=sys.stderr)
    return code
