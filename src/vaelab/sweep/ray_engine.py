"""Workers on a Ray cluster, which places each in a process where there is room for it."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ray
from ray.exceptions import RayError, RayTaskError

from vaelab.console import Console
from vaelab.errors import BadValueError, UserError
from vaelab.files import make_folders, storage_error
from vaelab.malloc import prepare_process
from vaelab.sweep.engine import Engine, Task, WorkerPool
from vaelab.sweep.liveness import log_path
from vaelab.sweep.worker import Worker
from vaelab.training import interruptible

CONNECT_SECONDS = 10.0
"""That a cluster has to answer; Ray itself tries for minutes."""


def work(folder: Path, name: str, workers: int) -> str:
    """Be a worker of that name, in a process that Ray has placed; what is wrong, if anything is."""
    prepare_process()
    path = log_path(folder, name)
    try:
        make_folders(path.parent)
        with path.open("w", encoding="utf-8") as log, interruptible() as interrupt:
            console = Console(file=log)
            console.say(f"on {socket.gethostname()}")
            Worker(folder, name, workers, console).work(interrupt)
    except (UserError, OSError) as error:
        return str(error if isinstance(error, UserError) else storage_error(path, error))
    return ""


class RayProcess:
    """A process of the cluster that calls `work`; Ray puts what that returns into `result`."""

    def __init__(self, result: "ray.ObjectRef[str]") -> None:
        self._result = result

    def poll(self) -> int | None:
        """Its exit code; None while it runs, or waits for room; an error if it can do nothing."""
        done, _ = ray.wait([self._result], timeout=0)
        if not done:
            return None
        try:
            wrong = ray.get(self._result)
        except RayTaskError:  # an error of this program
            raise
        except RayError:  # it was killed, or its node
            return 1
        if wrong:
            raise BadValueError(wrong)
        return 0

    def terminate(self) -> None:
        """Ask it to finish its step, to save and to end: Ray calls its handler of SIGINT."""
        ray.cancel(self._result)

    def wait(self) -> None:
        """Wait for its end."""
        ray.wait([self._result])


@contextmanager
def joined(
    workers: int | None, address: str | None, cpus: int, gpus: float | None
) -> Iterator[Engine]:
    """The cluster at an address, joined inside the block; the arguments are those of `choose`."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    if address not in (None, "auto"):
        _check_answers(str(address))
    try:
        ray.init(
            address=address or "local", include_dashboard=False, log_to_driver=False,
            logging_level=logging.ERROR,
        )  # fmt: skip
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise BadValueError(
            f"no Ray cluster can be joined at --address {address}: {reason}; one that asks for a "
            "token wants the same in RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH here"
        ) from error

    def train(task: Task) -> None:
        count = min(workers or room(wanted), task.study.sweep.trials)
        # the pool starts another for one that dies
        remote = ray.remote(num_cpus=cpus, num_gpus=wanted["GPU"], max_retries=0, max_calls=1)(work)
        WorkerPool(
            task, count,
            lambda folder, name, of: RayProcess(remote.remote(folder.resolve(), name, of)),
        ).train()  # fmt: skip

    try:
        wanted = wanted_by_each(cpus, gpus)
        if address is None:
            check_room(wanted)
        yield train
    finally:
        ray.shutdown()


def wanted_by_each(cpus: int, gpus: float | None) -> dict[str, float]:
    """What each worker has, under Ray's names."""
    if gpus is None:
        gpus = float(any(node.get("GPU", 0) >= 1 for node in _nodes()))
    return {"CPU": cpus, "GPU": gpus}


def room(wanted: dict[str, float]) -> int:
    """How many workers there is room for by now; one where a cluster has yet to grow."""
    needed = [(name, amount) for name, amount in wanted.items() if amount]
    rooms = [min(node.get(name, 0) // amount for name, amount in needed) for node in _nodes()]
    return max(1, int(sum(rooms)))


def check_room(wanted: dict[str, float]) -> None:
    """Refuse workers that do not fit into any node."""
    for name, amount in wanted.items():
        most = max(node.get(name, 0) for node in _nodes())
        if amount > most:
            raise BadValueError(
                f"--{name.lower()}s {amount:g} for each worker, but this machine has {most:g}; ask "
                "for less, or join a cluster: --address HOST:PORT"
            )


def _nodes() -> list[dict[str, float]]:
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def _check_answers(address: str) -> None:
    host, colon, port = address.rpartition(":")
    if "://" in address or not colon or not port.isdecimal() or not 0 < int(port) < 65536:
        raise BadValueError(
            f"--address {address} is no address of a Ray cluster; write HOST:PORT, as `ray start "
            "--head` says it, or auto, and start the sweep on a node of the cluster"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise BadValueError(
            f"no Ray cluster answers at --address {address} ({error.strerror or error}); "
            "`ray start --head` starts one"
        ) from error
