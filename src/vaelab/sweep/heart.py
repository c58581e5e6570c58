"""Who works on a sweep and is alive: a file for each worker, touched again and again."""

import os
import socket
import uuid
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Event, Thread
from time import monotonic, time_ns
from types import TracebackType

from vaelab.errors import UserError
from vaelab.files import is_process, opened, write_text

BEAT = 5.0
"""Seconds between touches."""
GRACE = 60.0
"""Seconds without one, while watched, after which a worker is given up."""
LONGEST = 1000
"""Bytes of a worker's file."""


def worker_name() -> str:
    """A name that no other worker has."""
    return f"{socket.gethostname()}-{uuid.uuid4().hex[:6]}"


class Heart:
    """The file of one worker, touched inside the block and removed after it.

    Args:
        folder: of the sweep.
        name: of the worker.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._path = _folder(folder) / name
        self._stopped = Event()
        self._thread = Thread(target=self._beat, daemon=True)

    def __enter__(self) -> "Heart":
        write_text(self._path, f"{socket.gethostname()} {os.getpid()}\n", parents=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join()
        with suppress(OSError):
            self._path.unlink()

    def _beat(self) -> None:
        while not self._stopped.wait(BEAT):
            with suppress(OSError):
                os.utime(self._path)


class Watch:
    """Tells workers that live from those that were killed.

    On this machine a process that is gone is seen at once. One elsewhere is given up when its file
    was not touched for a minute of ours, so that clocks need not agree.

    Args:
        folder: of the sweep.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = _folder(folder)
        self._seen: dict[str, tuple[int, float]] = {}

    def living(self) -> set[str]:
        """The names of the workers."""
        if not self._folder.is_dir():
            return set()
        names = [name for name in os.listdir(self._folder) if not name.endswith((".log", ".tmp"))]
        return {name for name in names if self._lives(self._folder / name)}

    def living_at_a_glance(self) -> set[str]:
        """As `living`, for whoever looks once: by the age of their files, on the disk's clock."""
        now = _disk_clock(self._folder)
        living = self.living()
        return {name for name in living if now - self._seen[name][0] < GRACE * 1e9}

    def bury(self, name: str) -> None:
        """Forget a worker that was killed."""
        with suppress(OSError):
            (self._folder / name).unlink()

    def _lives(self, path: Path) -> bool:
        try:
            with opened(path) as file:  # opening asks a network disk for news
                host, _, number = file.read(LONGEST).decode(errors="replace").partition(" ")
                touched = os.fstat(file.fileno()).st_mtime_ns
        except UserError:
            return False
        lives = number.strip().isdecimal() and is_process(int(number[:20]))
        if host == socket.gethostname() and not lives:
            return False
        before, since = self._seen.get(path.name, (0, 0.0))
        if touched != before:
            self._seen[path.name] = (touched, monotonic())
            return True
        return monotonic() - since < GRACE


def log_path(folder: Path, name: str) -> Path:
    """Where a worker writes what it does."""
    return _folder(folder) / f"{name}.log"


def _folder(sweep: Path) -> Path:
    return sweep / "workers"


def _disk_clock(folder: Path) -> int:
    """What the disk takes the time to be, ns; where nothing can be written, what we do."""
    try:
        with NamedTemporaryFile(dir=folder, suffix=".tmp") as file:
            return os.fstat(file.fileno()).st_mtime_ns
    except OSError:
        return time_ns()
