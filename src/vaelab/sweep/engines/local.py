"""Worker processes on this machine."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from vaelab.files import make_folders
from vaelab.sweep.engines.crew import Crew, attend, last_line
from vaelab.sweep.engines.engine import Engine, Task
from vaelab.sweep.heart import log_path, worker_name


@dataclass(frozen=True)
class Local(Engine):
    """This machine.

    Attributes:
        workers: processes; they share the cores.
    """

    workers: int

    def __enter__(self) -> "Local":
        """It can always be used."""
        return self

    def work(self, task: Task) -> None:
        """See `Engine`."""
        with Processes(task.folder, self.workers) as crew:
            attend(crew, task)
            if crew.names:
                task.board.say("stopping: every worker finishes its step and saves")


class Processes(Crew):
    """Processes; those that still work are stopped at the end of the block.

    Args:
        folder: of the sweep.
        workers: how many.
    """

    def __init__(self, folder: Path, workers: int) -> None:
        super().__init__(workers)
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Processes":
        for _ in range(self.workers):
            self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._processes.values():
            process.terminate()  # it finishes its step and saves
        for process in self._processes.values():
            process.wait()

    @property
    def names(self) -> Sequence[str]:
        """See `Crew`."""
        return list(self._processes)

    def start(self) -> None:
        """See `Crew`."""
        name = worker_name()
        words = [sys.executable, "-P", "-m", "vaelab.sweep.worker", str(self._folder)]
        words += ["--name", name, "--workers", str(self.workers)]
        cores = max(1, (os.cpu_count() or 1) // self.workers)
        environment = {"OMP_NUM_THREADS": str(cores), **os.environ}
        path = log_path(self._folder, name)
        make_folders(path.parent)
        with path.open("wb") as log:
            self._processes[name] = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )

    def exit_code(self, name: str) -> int | None:
        """See `Crew`."""
        code = self._processes[name].poll()
        if code is not None:
            del self._processes[name]
        return code

    def last_words(self, name: str) -> str:
        """See `Crew`."""
        path = log_path(self._folder, name)
        text = last_line(path.read_text(encoding="utf-8", errors="replace"))
        return text.removeprefix("vaelab: ") + f" (its log: {path})"
