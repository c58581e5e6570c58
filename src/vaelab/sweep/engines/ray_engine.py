"""Trials on a Ray cluster, placed by Ray Tune."""

import logging
import os
import socket
from dataclasses import dataclass
from types import TracebackType

import ray
from ray import tune

from vaelab.errors import BadValueError
from vaelab.sweep.engines.engine import Engine, Task
from vaelab.sweep.engines.ray_search import JournalSearch, Onlooker
from vaelab.sweep.engines.ray_trial import RayTrial
from vaelab.sweep.heart import Heart, worker_name
from vaelab.sweep.study import ATTEMPTS

PATIENCE = 10.0
"""Seconds that a cluster has to answer; Ray itself tries for minutes."""
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent anywhere
    "RAY_AIR_NEW_OUTPUT": "0",  # which prints although it is told not to
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # metrics.jsonl is the truth
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C is ours
}


@dataclass(frozen=True)
class Ray(Engine):
    """A Ray cluster.

    Attributes:
        workers: trials at once; None: as many as there is place for.
        address: of the cluster; None: this machine is one, as long as the sweep runs.
        cpus: of each trial.
        gpus: of each trial, or a part of one; None: one where the cluster has any.
    """

    workers: int | None = None
    address: str | None = None
    cpus: int = 1
    gpus: float | None = None

    def __enter__(self) -> "Ray":
        """See `Engine`."""
        os.environ.update({name: os.environ.get(name, value) for name, value in SETTINGS.items()})
        if self.address not in (None, "auto"):
            _check_answers(str(self.address))
        try:
            ray.init(
                address=self.address or "local", include_dashboard=False, log_to_driver=False,
                logging_level=logging.ERROR,
            )  # fmt: skip
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise BadValueError(
                f"no Ray cluster can be joined at --address {self.address}: "
                f"{str(error).splitlines()[0]}"
            ) from error
        try:
            self._check_place()
        except BaseException:
            ray.shutdown()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """See `Engine`."""
        ray.shutdown()

    def work(self, task: Task) -> None:
        """See `Engine`."""
        name = worker_name()
        search = JournalSearch(task, name, self.workers)
        onlooker = Onlooker(task, search)
        with Heart(task.folder, name):
            tune.run(
                RayTrial,
                resources_per_trial={"cpu": self.cpus, "gpu": self._gpus},
                search_alg=search, num_samples=-1, max_failures=ATTEMPTS - 1,
                raise_on_failed_trial=False, callbacks=[onlooker], stop=onlooker,
                trial_dirname_creator=lambda trial: str(trial.config["run"]),
                name="ray", storage_path=str(task.folder.resolve()), verbose=0,
            )  # fmt: skip
            with task.study.alone():
                search.give_back()
        if onlooker.wrong:
            raise BadValueError(onlooker.wrong)

    @property
    def _gpus(self) -> float:
        if self.gpus is not None:
            return self.gpus
        return float(any(node.get("GPU", 0) >= 1 for node in _nodes()))

    def _check_place(self) -> None:
        """Whether a trial fits; a cluster that one joins may grow."""
        for option, resource, wanted in (("cpus", "CPU", self.cpus), ("gpus", "GPU", self._gpus)):
            most = max(node.get(resource, 0) for node in _nodes())
            if self.address is None and wanted > most:
                raise BadValueError(
                    f"--{option} {wanted:g} for each trial, but this machine has {most:g}; ask for "
                    "less, or join a cluster: --address HOST:PORT"
                )


def _nodes() -> list[dict[str, float]]:
    """What each node of the cluster has."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def _check_answers(address: str) -> None:
    """Whether anyone listens."""
    host, colon, port = address.rpartition(":")
    if "://" in address or not colon or not port.isdecimal() or not 0 < int(port) < 65536:
        raise BadValueError(
            f"--address {address} is no address of a Ray cluster; write HOST:PORT, as `ray start "
            "--head` says it, or auto, and start the sweep on a node of the cluster"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE).close()
    except OSError as error:
        raise BadValueError(
            f"no Ray cluster answers at --address {address} ({error.strerror or error}); "
            "`ray start --head` starts one"
        ) from error
