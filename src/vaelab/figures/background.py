"""Drawing in a process of its own, so that training never waits for a picture."""

import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import IO, cast

from vaelab.figures.base import BaseFigure, Panel
from vaelab.files import make_folder
from vaelab.plugins import is_known_to_children

COMMAND = (sys.executable, "-P", "-m", "vaelab.figures.drawing_process")
PATIENCE = 1.0
"""Seconds of waiting without a word."""
LAST_WORDS = 500


class DrawingWarning(UserWarning):
    """A picture that could not be drawn."""


class Drawer:
    """Draws pictures in a background process, in the order they are handed over.

    Their arrays are written at once and only the path is queued, so that a slow drawer holds no
    memory and loses nothing. The process starts at the first picture.

    Args:
        say: told what is waited for at the end.
    """

    def __init__(self, say: Callable[[str], object] = print) -> None:
        self.failures: dict[str, list[str]] = {}
        self._say = say
        self._jobs: SimpleQueue[str | None] = SimpleQueue()
        self._process: DrawingProcess | None = None
        self._thread: Thread | None = None

    def __enter__(self) -> "Drawer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(warn=error is None)  # a training that has failed says why by itself

    @property
    def pid(self) -> int | None:
        """The drawing process, where one runs."""
        return None if self._process is None else self._process.pid

    def submit(self, figure: BaseFigure, panel: Panel, folder: Path) -> None:
        """Write the panel's arrays and have its picture drawn; returns at once.

        A figure whose code another process would not find, such as a notebook's, is drawn here.

        Raises:
            StorageError: the arrays cannot be written.
        """
        path = panel.save(make_folder(folder) / f"{panel.name}.npz")
        if not is_known_to_children(type(figure)):
            figure.write_pictures(panel, folder)
            return
        job = {"figure": figure.model_dump(mode="json"), "panel": str(path.resolve())}
        self._jobs.put(json.dumps(job))
        if self._thread is None:
            self._thread = Thread(target=self._work, name="drawer", daemon=True)
            self._thread.start()

    def close(self, warn: bool = True) -> None:
        """Wait until everything is drawn.

        Args:
            warn: of each picture that could not be drawn.
        """
        if self._thread is None:
            return
        waiting = max(1, self._jobs.qsize())
        self._jobs.put(None)
        try:
            self._thread.join(PATIENCE)
            if self._thread.is_alive():
                self._say(f"drawing the last {waiting} picture{'s' if waiting > 1 else ''} …")
                self._thread.join()
        except BaseException:
            if self._process is not None:
                self._process.kill()
            raise
        self._thread = None
        failures, self.failures = self.failures, {}
        for reason, names in failures.items() if warn else []:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            warnings.warn(f"cannot draw {names[0]}{more}: {reason}", DrawingWarning, stacklevel=2)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                if self._process is None:
                    self._process = DrawingProcess()
                failure = self._process.draw(job)
            except ProcessDiedError as error:
                self._process = None
                failure = str(error)
            if failure is not None:
                self.failures.setdefault(failure, []).append(Path(json.loads(job)["panel"]).stem)
        if self._process is not None:
            self._process.stop()
            self._process = None


class ProcessDiedError(Exception):
    """The drawing process ended by itself or was killed."""


class DrawingProcess:
    """The process that draws: one job in, one answer out, as lines of JSON.

    It has a session of its own, so that Ctrl-C in the terminal does not reach it, and ends when
    its input does: also when the process that started it was killed.

    Raises:
        ProcessDiedError: it cannot be started.
    """

    def __init__(self) -> None:
        try:
            self._log = tempfile.TemporaryFile()
            self._process = subprocess.Popen(
                COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                start_new_session=True,
            )
        except OSError as error:
            reason = error.strerror or str(error)
            raise ProcessDiedError(f"no process can be started that draws ({reason})") from error
        self._jobs = cast(IO[bytes], self._process.stdin)
        self._answers = cast(IO[bytes], self._process.stdout)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def draw(self, job: str) -> str | None:
        """Draw a picture.

        Returns:
            Why it could not be drawn, or None.

        Raises:
            ProcessDiedError: with its last words.
        """
        answer = b""
        with suppress(BrokenPipeError):
            self._jobs.write(job.encode() + b"\n")
            self._jobs.flush()
            answer = self._answers.readline()
        if not answer:
            code = self._process.wait()
            self._log.seek(0)
            words = self._log.read().decode(errors="replace").strip()[-LAST_WORDS:]
            self.stop()
            raise ProcessDiedError(f"the drawing process ended with code {code}. {words}".strip())
        return cast(str | None, json.loads(answer))

    def stop(self) -> None:
        """Let it end."""
        with suppress(BrokenPipeError):
            self._jobs.close()
        self._process.wait()
        self._answers.close()
        self._log.close()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
