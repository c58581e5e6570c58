"""Workers as jobs of a Slurm queue, submitted by submitit."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from time import monotonic

import submitit
import torch

from vaelab.errors import BadValueError, MissingFileError
from vaelab.sweep.engines.crew import CANNOT, Crew, attend, last_line
from vaelab.sweep.engines.engine import Engine, Task
from vaelab.sweep.heart import worker_name
from vaelab.sweep.worker import work_on

TIME = "4:00:00"
"""Of a job, where a person does not say; submitit's own is five minutes."""
LONGEST = 7 * 24 * 60
"""Minutes that a job lives without Slurm."""
ASK = 30.0
"""Seconds between questions to Slurm's accounting."""


@dataclass(frozen=True)
class Slurm(Engine):
    """A queue, from a machine that has `sbatch`.

    Attributes:
        workers: jobs.
        cpus: of each.
        gpus: of each.
        sbatch: what else is asked of `sbatch`, such as `partition`.
        cluster: what submitit calls it: `slurm`, or `local` for processes of this machine.
    """

    workers: int
    cpus: int = 1
    gpus: int = 0
    sbatch: Mapping[str, str] = field(default_factory=dict)
    cluster: str = "slurm"

    def __enter__(self) -> "Slurm":
        """See `Engine`."""
        if self.cluster == "slurm" and not (which("sbatch") and which("srun")):
            raise MissingFileError(
                "--engine slurm needs Slurm's sbatch and srun, which are not on this machine's "
                "PATH; start it on a login node, or use --engine local"
            )
        return self

    def work(self, task: Task) -> None:
        """See `Engine`; the jobs go on when a person stops to look on."""
        crew = Jobs(task.folder.resolve(), self)
        task.board.say(f"jobs {', '.join(crew.names)}; their logs: {crew.folder}")
        attend(crew, task)
        if task.over:
            crew.cancel()  # those that still wait in the queue
        elif crew.names:
            stop = "scancel" if self.cluster == "slurm" else "kill"
            task.board.say(f"the jobs go on; to stop them: {stop} {' '.join(crew.names)}")


class Jobs(Crew):
    """Jobs that work on a sweep, whether anyone looks on or not.

    Args:
        folder: of the sweep, absolute.
        queue: what the jobs ask for.

    Raises:
        BadValueError: Slurm does not take them.
    """

    def __init__(self, folder: Path, queue: Slurm) -> None:
        super().__init__(queue.workers)
        self._sweep, self.folder, self._queue = folder, folder / "jobs", queue
        self._jobs: dict[str, submitit.Job[int]] = {}
        self._asked = monotonic()
        self._executor = submitit.AutoExecutor(self.folder, cluster=queue.cluster)
        self._executor.update_parameters(
            timeout_min=LONGEST,  # `time` below has the last word with Slurm
            cpus_per_task=queue.cpus,
            gpus_per_node=queue.gpus,
            slurm_job_name=folder.name,
            slurm_additional_parameters={"time": TIME, **queue.sbatch},
        )
        for _ in range(queue.workers):
            self.start()

    @property
    def names(self) -> Sequence[str]:
        """See `Crew`."""
        return list(self._jobs)

    def start(self) -> None:
        """See `Crew`."""
        words = str(self._sweep), self._queue.workers, self._queue.cpus
        try:
            job = self._executor.submit(work_in_job, *words)
        except submitit.core.utils.FailedJobError as error:
            raise BadValueError(f"Slurm takes no job: {str(error).strip()}") from error
        self._jobs[job.job_id] = job

    def exit_code(self, name: str) -> int | None:
        """See `Crew`; 0 also of a job whose time was up: it has saved and given its trials back."""
        job = self._jobs[name]
        ask = monotonic() - self._asked > ASK
        if ask:  # the answer is for all of them
            self._asked = monotonic()
        if not job.done(force_check=ask):
            return None
        del self._jobs[name]
        if _said(self._text(name)):
            return CANNOT
        return 0 if job.paths.result_pickle.exists() else 1

    def last_words(self, name: str) -> str:
        """See `Crew`."""
        text = self._text(name)
        return (_said(text) or last_line(text)) + f" (its log: {self._log(name)})"

    def cancel(self) -> None:
        """Take those that still wait out of the queue."""
        for job in self._jobs.values():
            job.cancel(check=False)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}_0_log.err"

    def _text(self, name: str) -> str:
        path = self._log(name)
        return path.read_text(encoding="utf-8", errors="replace").strip() if path.exists() else ""


def work_in_job(folder: str, workers: int, cpus: int) -> int:
    """What a job calls; submitit keeps this name and the arguments in its folder, pickled.

    The signal that comes before the end of a job's time, or before a more urgent one takes its
    place, is a wish to stop: the worker finishes its step, saves and gives its trials back.
    """
    warning = signal.Signals[f"SIG{submitit.JobEnvironment.USR_SIG}"]
    signal.signal(warning, lambda *_: signal.raise_signal(signal.SIGTERM))
    torch.set_num_threads(cpus)
    return work_on(Path(folder), worker_name(), workers)


def _said(text: str) -> str:
    """What a worker said is wrong."""
    last = text.splitlines()[-1] if text else ""
    return last.removeprefix("vaelab: ") if last.startswith("vaelab: ") else ""
