"""A process of low priority beside this one, so that training never waits for a picture."""

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from io import BytesIO
from typing import IO, cast

DRAWING = "from vaelab.figures.background import serve; serve()"
"""The program that draws pictures."""
LAST_WORDS = 500


class BackgroundError(Exception):
    """The work that was asked for is not done: the reason."""


class BackgroundProcess:
    """A Python program that answers each line it is sent by one line.

    It has a session of its own, so that Ctrl-C in the terminal does not reach it, and ends when its
    input does: also when the process that has started it was killed.
    """

    def __init__(self, program: str) -> None:
        self._command = (sys.executable, "-P", "-c", program)
        self._process: subprocess.Popen[str] | None = None
        self._log: IO[bytes] = BytesIO()

    def __enter__(self) -> "BackgroundProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.stop()

    @property
    def pid(self) -> int | None:
        """Its number, while it runs."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it if it does not run.

        Raises:
            OSError: no process can be started.
        """
        if self._process is None:
            self._log = tempfile.TemporaryFile()
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                start_new_session=True,
                text=True,
            )

    def try_to_start(self) -> None:
        """Start it now if that can be done; else it is tried again when it is asked something."""
        with suppress(OSError):
            self.start()

    def ask(self, line: str) -> str:
        """The answer to a line; the process is started if it does not run.

        Raises:
            BackgroundError: there is none.
        """
        try:
            self.start()
        except OSError as error:
            reason = error.strerror or error
            raise BackgroundError(f"no process can be started that draws ({reason})") from error
        process, answer = cast("subprocess.Popen[str]", self._process), ""
        with suppress(BrokenPipeError):
            print(line, file=process.stdin, flush=True)
            answer = cast(IO[str], process.stdout).readline()
        if not answer:
            words = self.stop()
            raise BackgroundError(
                f"the drawing process ended with code {process.returncode}. {words}".strip()
            )
        return answer

    def stop(self) -> str:
        """Let it end with its input; its last words."""
        process, self._process = self._process, None
        if process is None:
            return ""
        process.communicate()
        with self._log as log:
            log.seek(0)
            return log.read().decode(errors="replace").strip()[-LAST_WORDS:]

    def kill(self) -> None:
        """End it at once: who waits for an answer gets none; `stop` tidies up."""
        if self._process is not None:
            self._process.kill()
