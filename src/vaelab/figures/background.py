"""Drawing in a process of its own."""

import gc
import json
import os
import signal
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from vaelab.background import DRAWING, BackgroundError, BackgroundProcess
from vaelab.figures.base import BaseFigure, FigureConfig, Panel
from vaelab.figures.film import latent_film
from vaelab.files import make_folder, remove_left_overs
from vaelab.plugins import is_known_to_children, load_installed

NICENESS = 10
PATIENCE = 1.0
"""Seconds of waiting for a picture that the process has begun."""


class DrawingWarning(UserWarning):
    """A picture that could not be drawn."""


class Drawer:
    """Draws pictures in a background process, in the order they are handed over.

    Their arrays are written at once and only the path is queued, so that a slow drawer holds no
    memory and loses nothing.

    Args:
        say: told what is waited for.
        process: that draws; it may have been started before.
    """

    def __init__(
        self, say: Callable[[str], object] = print, process: BackgroundProcess | None = None
    ) -> None:
        self.process = process or BackgroundProcess(DRAWING)
        self._say = say
        self._thread = ThreadPoolExecutor(1, "drawer")
        self._jobs: list[tuple[dict[str, Any], Future[list[Path]]]] = []
        self._folders: set[Path] = set()

    def __enter__(self) -> "Drawer":
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close(warn=error is None)  # a training that has failed says why by itself

    def submit(self, figure: BaseFigure, panel: Panel, folder: Path) -> None:
        """Write the panel's arrays and have its picture drawn; returns at once.

        A figure whose code another process would not find, such as a notebook's, is drawn here.

        Raises:
            StorageError: the arrays cannot be written.
        """
        path = panel.save(make_folder(folder) / f"{panel.name}.npz").resolve()
        self._folders.add(path.parent)
        job = {"figure": figure.model_dump(mode="json"), "panel": str(path)}
        if is_known_to_children(type(figure)):
            self._queue(job)
            return
        done: Future[list[Path]] = Future()
        done.set_result(figure.write_pictures(panel, folder))
        self._jobs.append((job, done))

    def submit_film(self, folder: Path) -> None:
        """Have the film of a folder's epochs drawn; returns at once."""
        self._folders.add(folder.resolve())
        self._queue({"film": str(folder.resolve())})

    def wait(self, warn: bool = True) -> list[Path]:
        """Wait until everything is drawn; the pictures, and a warning of each that is not there.

        The process has low priority, and now somebody waits: this process draws too, from the end.
        """
        jobs, self._jobs = self._jobs, []
        written: list[Path] = []
        failed: list[tuple[str, str]] = []
        left = sum(not done.done() for _, done in jobs)
        if left > 1:
            self._say(f"drawing {left} pictures …")
        for job, done in reversed(jobs):
            try:
                written += _drawn(job, done)
            except BackgroundError as error:
                failed.insert(0, (str(error), Path(job.get("panel", "latent.gif")).stem))
        for reason in dict(failed) if warn else ():
            names = [name for why, name in failed if why == reason]
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            warnings.warn(f"cannot draw {names[0]}{more}: {reason}", DrawingWarning, stacklevel=2)
        return written

    def close(self, warn: bool = True) -> None:
        """Wait, and end the process."""
        try:
            self.wait(warn)
        finally:
            self.process.kill()  # it may be at a picture that was drawn here meanwhile
            self._thread.shutdown(cancel_futures=True)
            self.process.stop()
            for folder in self._folders:  # what it had half-written
                remove_left_overs(folder)

    def _queue(self, job: dict[str, Any]) -> None:
        self._jobs.append((job, self._thread.submit(self._ask, job)))

    def _ask(self, job: dict[str, Any]) -> list[Path]:
        answer = json.loads(self.process.ask(json.dumps(job)))
        if isinstance(answer, str):
            raise BackgroundError(answer)
        return [Path(path) for path in answer]


def _drawn(job: dict[str, Any], done: Future[list[Path]]) -> list[Path]:
    """The pictures of a job, drawn here where the process has not come to it or takes long."""
    if done.cancel():
        return _draw(job)
    try:
        return done.result(PATIENCE)
    except TimeoutError:
        return _draw(job)


def serve() -> None:
    """The other end of `Drawer`: read jobs, draw, and answer what was written or why it was not."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that trains
    if sys.platform != "win32":
        os.nice(NICENESS)
    load_installed()
    answers, sys.stdout = sys.stdout, sys.stderr  # nothing that prints may spoil the answers
    for line in sys.stdin:
        answer: list[str] | str
        try:
            answer = [str(path) for path in _draw(json.loads(line))]
        except BackgroundError as error:
            answer = str(error)
        print(json.dumps(answer), file=answers, flush=True)
    gc.freeze()  # as the command line does: the end is quicker


def _draw(job: dict[str, Any]) -> list[Path]:
    """Draw the picture of a panel beside it, or a film; the paths.

    Raises:
        BackgroundError: whatever goes wrong with one picture, so that the next one gets its turn.
    """
    try:
        if "film" in job:
            film = latent_film(Path(job["film"]))
            return [] if film is None else [film]
        figure: BaseFigure = TypeAdapter(FigureConfig).validate_python(job["figure"])
        path = Path(job["panel"])
        return figure.write_pictures(Panel.load(path), path.parent)
    except Exception as error:
        raise BackgroundError(f"{type(error).__name__}: {error}") from error
