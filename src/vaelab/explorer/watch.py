"""A run that another process may write while a page shows it: what is new in it and in its log."""

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from vaelab.bundle import Bundle
from vaelab.errors import UserError
from vaelab.files import opened
from vaelab.runs.records import Row
from vaelab.runs.run import Run
from vaelab.runs.runlock import WRITER, Writer, writer_of
from vaelab.training.folder import WHAT as TRAINING
from vaelab.training.start import progress_of


class Log:
    """What is added to a log, which need not be there yet, look by look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0
        self._file: int | None = None

    def skip(self) -> None:
        """Leave out what is there already."""
        with suppress(OSError):
            found = self.path.stat()
            self._read, self._file = found.st_size, found.st_ino

    def rows(self) -> list[Row]:
        """The rows since the last look; all of them where the log was written anew."""
        try:
            found = self.path.stat()
            if found.st_ino != self._file or found.st_size < self._read:
                self._read, self._file = 0, found.st_ino
            if found.st_size == self._read:
                return []
            with opened(self.path) as file:
                file.seek(self._read)
                text = file.read()
        except (OSError, UserError):
            return []
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        return [row for line in whole.splitlines() if (row := _row(line)) is not None]


def _row(line: bytes) -> Row | None:
    """What a line says, if it says a step and a split."""
    with suppress(ValueError):  # browsers read no NaN
        row = from_json(line, allow_inf_nan=False)
        if isinstance(row, dict) and isinstance(row.get("step"), int) and "split" in row:
            return row
    return None


SECONDS = 1.0
"""Between two looks, while a page is open."""
WORDS = {
    "idle": "",
    "training": "another process trains {name}",
    "busy": "another process writes {name}",
    "done": "the training of {name} has ended: all its epochs are done",
    "stopped": "the training of {name} was stopped before its last epoch; it can be resumed",
    "killed": "the process that trained {name} was killed, or its machine went down. What it "
    "saved last is safe: resume goes on from there",
    "gone": "the folder of {name} was removed or moved; this page shows what it has loaded",
}
"""What may be going on."""

Message = dict[str, Any]
Stamp = tuple[int, int, int] | None


class Watch:
    """What a page that shows a run is told of it.

    Args:
        path: the run's folder.
        step: up to which the page has the run's log.
        own: numbers of the processes that write for this server, which tell the page themselves.
    """

    def __init__(self, path: Path, step: int, own: Callable[[], frozenset[int]]) -> None:
        self.path, self.step, self.own = path, step, own
        self._log = Log(path / "metrics.jsonl")
        self._folder = _place(path)
        self._seen: dict[str, Stamp] = {}
        self._kept: list[Message] | None = None
        self._epochs, self._epoch, self._finished = 0, 0.0, False
        self._phase = "idle"
        self._missing = 0
        self._last: Message = {}

    def look(self) -> Message | None:
        """What has changed since the last look; None: nothing, or the page knows it already."""
        try:
            return self._look()
        except OSError:  # a folder that may not be read, a disk that is away
            return None

    def _look(self) -> Message | None:
        if not Run.exists(self.path):
            self._missing += 1
            # one that is being replaced is away for a moment
            return self._told(self._state("gone"), {}) if self._missing > 1 else None
        writer = writer_of(self.path)
        if is_own(writer, self.own()):
            return None
        news: Message = {}
        if self._is_another():
            news["anew"] = True
        if rows := self._rows():
            news["rows"] = rows
        if (kept := self._steps()) is not None:
            news["kept"] = kept
        return self._told(self._state(self._phase_now(writer), writer), news)

    def _told(self, state: Message, news: Message) -> Message | None:
        if state == self._last and not news:
            return None
        self._last = state
        return {"type": "followed", "run": self.path.name} | state | news

    def _state(self, phase: str, writer: Writer | None = None) -> Message:
        self._phase = phase
        about = {"epoch": self._epoch, "epochs": self._epochs, "writer": describe(writer)}
        return {"phase": phase, "text": WORDS[phase].format(name=self.path.name), **about}

    def _phase_now(self, writer: Writer | None) -> str:
        with suppress(UserError):
            if self._changed("config.yaml"):
                self._epochs = Run(self.path).experiment.training.epochs
            if self._changed("resume.safetensors"):
                self._finished = progress_of(Run(self.path)).epoch >= self._epochs
        if writer is not None:
            return "training" if writer.what == TRAINING else "busy"
        unwatched = self._phase in {"idle", "busy", "gone"}
        if self._finished:
            return "idle" if unwatched else "done"
        if (self.path / WRITER).is_file():  # whoever ends by itself takes it away
            return "killed"
        return "idle" if unwatched else "stopped"

    def _is_another(self) -> bool:
        """Whether another folder stands where the run was: what the page has is of before."""
        former, self._folder, self._missing = self._folder, _place(self.path), 0
        if former == self._folder:
            return False
        self._seen, self._kept, self.step, self._phase = {}, None, 0, "idle"
        return True

    def _rows(self) -> list[Message]:
        rows = self._log.rows()
        epochs = [row["epoch"] for row in rows if isinstance(row.get("epoch"), int | float)]
        self._epoch = max(epochs, default=self._epoch)
        return [row for row in rows if row["step"] >= self.step]

    def _steps(self) -> list[Message] | None:
        """The kept steps, where they are others than before, or another is the best."""
        names = ("explorer/manifest.json", "weights.safetensors")
        if not any([self._changed(name) for name in names]) or self._seen[names[0]] is None:
            return None
        with suppress(UserError):
            steps = Bundle(Run(self.path)).steps()
            if steps != self._kept:
                self._kept = steps
                return steps
        return None

    def _changed(self, name: str) -> bool:
        former, self._seen[name] = self._seen.get(name), stamp(self.path / name)
        return former != self._seen[name]


class Shelf:
    """A folder of runs, which need not be there yet: whether others are in it, or are written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._last, self._filling = self._now(), False

    def look(self) -> bool:
        """Whether to list them again: at a change, and once more when a new run has its config."""
        former, self._last = self._last, self._now()
        changed = former != self._last
        again, self._filling = changed or self._filling, changed
        return again

    def _now(self) -> tuple[Stamp, frozenset[str]]:
        with suppress(OSError):
            runs = [path for path in self.folder.iterdir() if (path / WRITER).exists()]
            return stamp(self.folder), frozenset(run.name for run in runs if writer_of(run))
        return stamp(self.folder), frozenset()


def describe(writer: Writer | None) -> Message | None:
    """Who writes a run, for a page."""
    if writer is None:
        return None
    return asdict(writer) | {"here": writer.host == socket.gethostname()}


def is_own(writer: Writer | None, own: frozenset[int]) -> bool:
    """Whether it is one of these processes of this machine."""
    return writer is not None and writer.host == socket.gethostname() and writer.pid in own


def _place(path: Path) -> Stamp:
    with suppress(OSError):
        found = path.stat()
        return found.st_dev, found.st_ino, 0
    return None


def stamp(path: Path) -> Stamp:
    """What is another where a file or a folder has changed; None where nothing is to be seen."""
    with suppress(OSError):
        found = path.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns
    return None
