"""Which workers of a sweep are alive: each holds the lock of a file, which ends with its process.

The system frees the lock of a process however that ends, so that no clock has to be watched and
nobody is taken for dead who only sleeps. Optuna's heartbeats are for `optimize` and for databases.
"""

import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from vaelab.files import make_folders, storing

FOLDER, ENDING = "workers", ".lock"
MAX_PROBE_SECONDS = 5.0
"""Time in which whoever looks whether a worker is alive holds its lock, at most."""


def worker_name() -> str:
    """A name that no other worker has."""
    return f"{socket.gethostname()}-{uuid.uuid4().hex[:6]}"


@contextmanager
def registered(folder: Path, name: str) -> Iterator[None]:
    """Be alive as a sweep's worker of that name inside the block."""
    path = make_folders(folder / FOLDER) / f"{name}{ENDING}"
    lock = FileLock(path, timeout=MAX_PROBE_SECONDS)
    with storing(path):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
        path.unlink(missing_ok=True)


def alive(folder: Path) -> set[str]:
    """The names of a sweep's workers that are alive."""
    return {path.stem for path in (folder / FOLDER).glob(f"*{ENDING}") if _is_locked(path)}


def log_path(folder: Path, name: str) -> Path:
    """Where a worker writes what it does."""
    return folder / FOLDER / f"{name}.log"


def _is_locked(path: Path) -> bool:
    """Whether somebody holds a lock, or nobody may ask."""
    try:
        with FileLock(path, blocking=False):
            return False
    except (Timeout, OSError):
        return True
