"""What trains a sweep: workers that are started, watched, and replaced where they end too early."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import sleep
from typing import Literal, Protocol

from vaelab.errors import BadCombinationError, BadValueError, MissingFileError
from vaelab.files import make_folders
from vaelab.sweep.liveness import log_path, worker_name
from vaelab.sweep.progress_table import ProgressTable
from vaelab.sweep.study import MAX_ATTEMPTS, UNFINISHED, Study
from vaelab.sweep.worker import EXIT_USER_ERROR
from vaelab.training.interrupt import Interrupt
from vaelab.training.threads import available_cores

REFRESH_SECONDS = 0.5
"""Between looks at the workers and the trials."""
MAX_FAILURES = MAX_ATTEMPTS
"""Of each worker in a row, after which trials that kill their workers have failed; more without a
trial that ended make no sense."""


@dataclass(frozen=True)
class Task:
    """A sweep that is to be worked on, what the user sees of it, and a request to stop."""

    study: Study
    table: ProgressTable
    interrupt: Interrupt


Engine = Callable[[Task], None]
"""Starts workers, and others where they are killed, until all trials have ended or the user stops
it; raises a UserError where a worker cannot work."""


class Process(Protocol):
    """A worker's process, of which `subprocess.Popen` is one."""

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""

    def terminate(self) -> None:
        """Ask it to finish its step, to save and to end."""

    def wait(self) -> object:
        """Wait for its end."""


Start = Callable[[Path, str, int], Process]
"""Starts a worker: of a sweep's folder, with a name, one of so many."""


class WorkerPool:
    """The workers of one `vaelab sweep`."""

    def __init__(self, task: Task, workers: int, start: Start) -> None:
        self._task, self._workers, self._start = task, workers, start
        self._processes: dict[str, Process] = {}
        self._failures, self._ended = 0, 0

    def train(self) -> None:
        """Train until all is done or stopped; workers that still run then save and stop."""
        task = self._task
        try:
            for _ in range(self._workers):
                self._add()
            while self._processes and not task.interrupt.requested:
                trials = task.study.trials()
                task.table.show(trials)
                self._replace(sum(trial.state not in UNFINISHED for trial in trials))
                sleep(REFRESH_SECONDS)
            if self._processes:
                task.table.console.say("stopping: every worker finishes its step and saves")
        finally:
            for process in self._processes.values():
                process.terminate()
            for process in self._processes.values():
                process.wait()

    def _replace(self, ended: int) -> None:
        """Start another for each worker that ended before the sweep did."""
        task = self._task
        if ended > self._ended:
            self._ended, self._failures = ended, 0
        codes = {name: process.poll() for name, process in self._processes.items()}
        for name, code in codes.items():
            if code is None:
                continue
            del self._processes[name]
            if code == 0 and task.study.finished:
                continue
            if code == EXIT_USER_ERROR:
                raise BadValueError(_last_words(task.study.folder, name))
            self._failures += code != 0
            if self._failures > MAX_FAILURES * self._workers:
                last = _last_words(task.study.folder, name)
                raise BadValueError(f"one worker after the other dies; the last: {last}")
            self._add()
            task.table.console.say(
                f"the worker {name} ended too early; another goes on with its trials"
            )

    def _add(self) -> None:
        name = worker_name()
        self._processes[name] = self._start(self._task.study.folder, name, self._workers)


def _last_words(folder: Path, name: str) -> str:
    """The last line of a worker's log, and where that is."""
    path = log_path(folder, name)
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    last = (text.strip().splitlines() or ["it said nothing"])[-1]
    return f"{last.removeprefix('vaelab: ')} (its log: {path})"


def train_here(task: Task, workers: int) -> None:
    """Train with processes of this machine, which share its cores; 0 train nothing."""
    if not workers:
        worker = f"python -m vaelab.sweep.worker {task.study.folder}"
        task.table.console.say(f"nothing is trained here; elsewhere: {worker}")
    WorkerPool(task, workers, start_worker).train()


def start_worker(folder: Path, name: str, workers: int) -> subprocess.Popen[bytes]:
    """Start a worker in a process with its part of the cores; it writes into its log."""
    words = [sys.executable, "-P", "-m", "vaelab.sweep.worker", str(folder)]
    cores = max(1, available_cores() // workers)
    path = log_path(folder, name)
    make_folders(path.parent)
    with path.open("wb") as log:
        return subprocess.Popen(
            [*words, "--name", name, "--workers", str(workers)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={"OMP_NUM_THREADS": str(cores), **os.environ},
        )  # fmt: skip


def choose(
    name: Literal["local", "ray"],
    workers: int | None,
    address: str | None,
    cpus: int | None,
    gpus: float | None,
) -> AbstractContextManager[Engine]:
    """The engine that the user asked for, to be used inside the block; Ray is imported if it is.

    As many workers as there is room for is Ray's default, each with a core, and a GPU if there are.
    """
    given = {"--address": address, "--cpus": cpus, "--gpus": gpus}
    if name == "local":
        for option, value in given.items():
            if value is not None:
                raise BadCombinationError(f"{option} is for --engine ray, but the engine is {name}")
        return nullcontext(partial(train_here, workers=1 if workers is None else workers))
    if gpus is not None and not (gpus <= 1 or gpus.is_integer()):
        raise BadValueError(
            f"--gpus {gpus:g}: a worker of Ray has a part of one GPU or several whole ones; use a "
            "part below 1, such as 0.5, or a whole number"
        )
    if workers == 0:
        raise BadCombinationError("--workers 0 trains nothing; leave --engine ray out")
    try:
        from vaelab.sweep.ray_engine import joined
    except ModuleNotFoundError as error:
        raise MissingFileError(
            f"--engine ray needs {error.name}, which is not installed; "
            "`pip install 'vaelab[ray]'` installs it"
        ) from error
    return joined(workers, address, cpus or 1, gpus)
