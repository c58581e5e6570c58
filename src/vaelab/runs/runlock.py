"""One writer per run: an operating-system lock on the run's folder, and who holds it."""

import json
import os
import socket
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import TypeAdapter

from vaelab.errors import MissingFileError, RunBusyError, RunGoneError, UserError
from vaelab.files import is_process, opened, storage_error, write_text

LOCK, WRITER = ".lock", ".writer.json"
PATIENCE = 1.0
"""Seconds in which the lock is tried: whoever only asks who writes holds it for a moment."""
GLANCE = 0.2
"""Seconds after which whoever holds the lock is no other that only asks."""
MAX_WRITER_BYTES = 4096


@dataclass(frozen=True)
class Writer:
    """Who writes a run: what is done by which process of which machine, since when (ISO 8601)."""

    what: str
    host: str
    pid: int
    since: str

    def __str__(self) -> str:
        """In words, as an error says it."""
        where = "" if self.host == socket.gethostname() else f" on {self.host}"
        return f"process {self.pid}{where} ({self.what}, since {self.since})"


UNKNOWN = Writer("busy", "a machine that is not known", 0, "a moment ago")


class RunLock:
    """The right to write a run's folder; it ends with the process, however that ends.

    Raises:
        RunBusyError: another process has it.
        StorageError: the folder cannot be written.
    """

    def __init__(self, folder: Path, what: str) -> None:
        self.folder = folder.absolute()
        self._lock = FileLock(folder / LOCK, thread_local=False)
        self._descriptor: int | None = None
        try:
            self._lock.acquire(timeout=PATIENCE)
        except Timeout as error:
            raise RunBusyError(folder, _read(folder) or UNKNOWN) from error
        except OSError as error:
            raise storage_error(folder / LOCK, error) from error
        try:
            self._identity = _identity(folder)
            if sys.platform != "win32":
                self._descriptor = os.open(folder, os.O_RDONLY)
            now = datetime.now().isoformat(sep=" ", timespec="seconds")
            writer = Writer(what, socket.gethostname(), os.getpid(), now)
            write_text(folder / WRITER, json.dumps(asdict(writer)) + "\n")
        except BaseException:
            self.release()
            raise

    def __enter__(self) -> "RunLock":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Let others write; more than once does nothing."""
        if not self._lock.is_locked:
            return
        with suppress(OSError):
            if _identity(self.folder) == self._identity:
                (self.folder / WRITER).unlink()
        self._lock.release()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def check(self) -> None:
        """See that the folder is still where it was.

        Raises:
            RunGoneError: it was removed, or moved, perhaps with another put in its place.
        """
        with suppress(OSError):
            if _identity(self.folder) == self._identity and (self.folder / LOCK).exists():
                return
        raise RunGoneError(self.folder, self._moved_to())

    def _moved_to(self) -> Path | None:
        """Where the folder is now, if it was moved and the system can tell."""
        if self._descriptor is None or os.fstat(self._descriptor).st_nlink == 0:
            return None
        with suppress(OSError):
            path = Path(os.readlink(f"/proc/self/fd/{self._descriptor}"))
            if _identity(path) == self._identity:
                return path
        return None


def writer_of(folder: Path) -> Writer | None:
    """Who writes a run at this moment, if anyone does.

    The lock says whether, so that a process that was killed is none; `.writer.json` says who.
    """
    if (writer := _read(folder)) is None:
        return None
    lives = writer.host == socket.gethostname() and is_process(writer.pid)
    lock = FileLock(folder / LOCK, timeout=0 if lives else GLANCE, thread_local=False)
    try:
        with lock.acquire(poll_interval=GLANCE / 10):
            return None
    except Timeout:
        return _read(folder)  # None: it takes its leave at this moment
    except OSError:  # a folder of somebody else, which may not be written
        return None


def _read(folder: Path) -> Writer | None:
    """Who says that they write a run; `UNKNOWN` where what they say cannot be read."""
    try:
        with opened(folder / WRITER) as file:
            writer = TypeAdapter(Writer).validate_json(file.read(MAX_WRITER_BYTES), strict=True)
    except MissingFileError:
        return None
    except (UserError, ValueError):
        return UNKNOWN
    return writer if 0 < writer.pid < 2**31 else UNKNOWN


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino
