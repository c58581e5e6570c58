"""The command line in forks of a process that has imported everything and computed nothing.

A trial is one command in a folder of its own. Watched are its exit code, its time, its memory, what
it prints, and every file that it writes (Python's audit events).
"""

import contextlib
import encodings
import importlib
import io
import os
import pkgutil
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.robustness.judging import Ended, judge
from tests.robustness.trial import LARGEST, SECONDS, SECRET, Trial

PATIENCE = 6 * SECONDS
"""Seconds until a trial is ended that neither ends nor computes for long."""
POLL = 0.01
NOBODY = 65_534
"""Number of the user who runs trials where the superuser starts them."""
OPTIONAL = ("vaelab.sweep.ray_engine", "vaelab.kinds.__main__", "vaelab.__main__")
"""Modules that need what may be missing, or that run when they are imported."""
LAZY = ("webdataset", "PIL.PngImagePlugin", "PIL.JpegImagePlugin",
        "PIL.WebPImagePlugin", "PIL.BmpImagePlugin", "requests", "typer.rich_utils",
        "uvicorn.logging", "torch.fx.experimental.proxy_tensor")  # fmt: skip
MODULES = "modules"
"""Where a trial that makes something notes what it has imported."""


@dataclass
class Running:
    """A trial under way."""

    trial: Trial
    folder: Path
    process: int
    began: float
    peak: int = 0
    killed: str = ""


def preload() -> None:
    """Import whatever a command may."""
    import vaelab

    for module in pkgutil.walk_packages(vaelab.__path__, "vaelab."):
        if not module.name.startswith(OPTIONAL):
            importlib.import_module(module.name)
    codecs = (f"encodings.{one.name}" for one in pkgutil.iter_modules(encodings.__path__))
    import_all([*LAZY, *(name for name in codecs if not name.endswith(("mbcs", "oem")))])


def import_all(names: Iterable[str]) -> None:
    """Import what can be."""
    for name in names:
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def run_all(
    trials: Iterable[Trial], scratch: Path, cache: Path, jobs: int = 2, making: bool = False
) -> Iterator[tuple[Trial, list[str]]]:
    """Run trials, some at once; each with what is wrong about it.

    Args:
        trials: in any order.
        scratch: where their folders are made, and removed where nothing is wrong.
        cache: theirs, shared.
        jobs: how many at once.
        making: they make what others begin with: by whoever runs this, and their folders stay.
    """
    running: list[Running] = []
    waiting = iter(enumerate(trials))
    coming = next(waiting, None)
    while coming is not None or running:
        while coming is not None and len(running) < jobs:
            number, trial = coming
            running.append(_start(trial, scratch / f"{number:05d}", cache, making))
            coming = next(waiting, None)
        for one in list(running):
            ended = _look(one)
            if ended is None:
                continue
            running.remove(one)
            wrong = judge(ended)
            if not wrong and not making:
                _remove(one.folder)
            yield one.trial, wrong
        time.sleep(POLL)


def _start(trial: Trial, folder: Path, cache: Path, making: bool) -> Running:
    for name in ("work", "home", "tmp"):
        (folder / name).mkdir(parents=True)
    (folder / "secret").write_bytes(SECRET)
    for path in (folder, *folder.iterdir()):
        give(path)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            code = _command(trial, folder, cache, making)
        finally:
            os._exit(code)
    return Running(trial, folder, child, time.monotonic())


def _look(one: Running) -> Ended | None:
    """How a trial has ended, if it has; ends one that costs too much."""
    ended, status, used = os.wait4(one.process, os.WNOHANG)
    if ended:
        one.peak = max(one.peak, 1024 * used.ru_maxrss)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(one.process, signal.SIGKILL)
        code, seconds = os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime
        return Ended(one.trial, one.folder, code, seconds, one.peak, one.killed)
    waited = time.monotonic() - one.began
    try:
        fields = Path(f"/proc/{one.process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    one.peak = max(one.peak, int(fields[21]) * resource.getpagesize())
    computed = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    idle = waited > SECONDS and computed < waited / 20
    if one.peak > 1.3 * LARGEST or computed > 1.3 * SECONDS or idle or waited > PATIENCE:
        one.killed = f"ended after {waited:.0f} s ({computed:.0f} s of CPU)"
        with contextlib.suppress(ProcessLookupError):
            os.kill(one.process, signal.SIGKILL)
    return None


def give(path: Path) -> None:
    """Make a file that of whoever runs the trials: not the superuser, who may do anything."""
    if os.getuid() == 0:
        os.chown(path, NOBODY, NOBODY)


def _command(trial: Trial, folder: Path, cache: Path, making: bool) -> int:
    from vaelab import cli

    os.setsid()
    sys.dont_write_bytecode, tempfile.tempdir = True, None
    if os.getuid() == 0 and not making:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    trial.make(folder / "work")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**31, 2**31))
    os.chdir(folder / "work")
    _set_environment(trial, folder, cache)
    for number, name in enumerate(("/dev/null", folder / "out", folder / "err")):
        opened = os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(opened, number)
        os.close(opened)
    allowed = [os.path.realpath(folder / name) for name in ("work", "tmp", "home")]
    _watch_files([*allowed, os.path.realpath(cache), "/dev"], folder / "outside")
    sys.argv = ["vaelab", *trial.words]
    try:
        trial.inside()
        sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False)) if _is_open(0) else None
        sys.stdout = _stream(1, trial.encoding, "strict") if _is_open(1) else None
        sys.stderr = _stream(2, trial.encoding, "backslashreplace") if _is_open(2) else None
        sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr
        cli.main()
        code: Any = 0
    except SystemExit as end:
        code = end.code
    except BaseException:
        code = 71
        (folder / "err").write_text(traceback.format_exc())
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
    if making:
        (folder / "tmp" / MODULES).write_text("\n".join(sys.modules))
    return code if isinstance(code, int) else int(code is not None)


def _set_environment(trial: Trial, folder: Path, cache: Path) -> None:
    usual = {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "COLUMNS": "100",
             "TORCHINDUCTOR_CACHE_DIR": str(folder / "tmp" / "torchinductor"),
             "VAELAB_CACHE": str(cache), "OMP_NUM_THREADS": "1", "TERM": "dumb"}  # fmt: skip
    for name in ("XDG_CACHE_HOME", "VAELAB_MNIST", "PYTEST_CURRENT_TEST"):
        os.environ.pop(name, None)
    for name, value in {**usual, **trial.environment}.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value.replace("{folder}", str(folder))


def _is_open(number: int) -> bool:
    """Python has no stream where its shell has closed one."""
    with contextlib.suppress(OSError):
        os.fstat(number)
        return True
    return False


def _stream(number: int, encoding: str, errors: str) -> io.TextIOWrapper:
    file = io.BufferedWriter(io.FileIO(number, "w", closefd=False))
    return io.TextIOWrapper(file, encoding=encoding, errors=errors, line_buffering=number == 2)


def _watch_files(allowed: Sequence[str], log: Path) -> None:
    """Note whatever is written elsewhere, and every host that is connected to."""
    noted = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    moving = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link",
              "os.symlink", "os.chmod"}  # fmt: skip

    def hook(event: str, details: tuple[Any, ...]) -> None:
        if event == "open":
            name, _, flags = details
            if not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
            names = [name]
        elif event in moving:
            names = [one for one in details[:2] if isinstance(one, str | bytes)]
        elif event == "socket.connect" and isinstance(details[1], tuple):
            os.write(noted, f"connected to {details[1]}\n".encode())
            return
        else:
            return
        for name in names:
            if not isinstance(name, str | bytes | os.PathLike):
                continue
            path = os.fsdecode(name)
            place = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
            if event == "open":
                place = os.path.realpath(place)
            if not any(place == one or place.startswith(one + "/") for one in allowed):
                os.write(noted, f"{event} {place}\n".encode(errors="backslashreplace"))

    sys.addaudithook(hook)


def _remove(folder: Path) -> None:
    def mend(function: Callable[[str], object], path: str, _: object) -> None:
        with contextlib.suppress(OSError):
            os.chmod(os.path.dirname(path), 0o700)
            function(path)

    shutil.rmtree(folder, onerror=mend)
