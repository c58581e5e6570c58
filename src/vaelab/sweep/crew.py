"""Worker processes: started, watched, replaced where they are killed, stopped."""

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from vaelab.errors import BadValueError
from vaelab.sweep.heart import log_path, worker_name

LAST_WORDS = 400
"""Characters of a worker's log that are shown."""
FRUITLESS = 3
"""Deaths in a row, for each worker, without a trial that ended, after which it makes no sense."""


class Crew:
    """The workers of one `vaelab sweep`; those that still work are stopped at the end of the block.

    Args:
        folder: of the sweep.
        workers: how many processes; they share the cores.
    """

    def __init__(self, folder: Path, workers: int) -> None:
        self._folder, self._workers = folder, workers
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._deaths, self._ended = 0, 0

    def __enter__(self) -> "Crew":
        for _ in range(self._workers):
            self._start()
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
    def names(self) -> list[str]:
        """The workers that are at it."""
        return list(self._processes)

    def look(self, ended: int) -> list[str]:
        """Replace workers that were killed; their names.

        Args:
            ended: trials that have ended by now.

        Raises:
            BadValueError: a worker cannot work, or one after the other dies.
        """
        if ended > self._ended:
            self._ended, self._deaths = ended, 0
        killed = []
        for name, process in list(self._processes.items()):
            code = process.poll()
            if code is None:
                continue
            del self._processes[name]
            if code == 0:
                continue
            if code == 2:
                raise BadValueError(self._last_words(name).splitlines()[-1])
            killed.append(name)
            self._deaths += 1
            if self._deaths >= FRUITLESS * self._workers:
                raise BadValueError(
                    f"one worker after the other dies; the last: {self._last_words(name)}"
                )
            self._start()
        return killed

    def _start(self) -> None:
        name = worker_name()
        words = [sys.executable, "-m", "vaelab.sweep.worker", str(self._folder)]
        words += ["--name", name, "--workers", str(self._workers)]
        cores = max(1, (os.cpu_count() or 1) // self._workers)
        environment = {"OMP_NUM_THREADS": str(cores), **os.environ}
        path = log_path(self._folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as log:
            self._processes[name] = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )

    def _last_words(self, name: str) -> str:
        path = log_path(self._folder, name)
        text = path.read_text(encoding="utf-8", errors="replace").strip()[-LAST_WORDS:]
        return text.replace("vaelab: ", "") + f" (its log: {path})"
