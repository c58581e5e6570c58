"""The other end of `Job`: trains one run as the server asks, and tells how it goes.

Run as `python -m vaelab.explorer.training_process SCRATCH`, a folder to be thrown away. JSON lines
come in, frames go out.
"""

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

from vaelab.config import validate
from vaelab.console import Console
from vaelab.errors import UserError
from vaelab.experiment import Experiment
from vaelab.explorer import frames
from vaelab.explorer.callback import Emit, Inbox, PageCallback
from vaelab.malloc import prepare_process
from vaelab.runs.runfiles import copy_run, remove_run
from vaelab.training import Start, train_together


def serve(scratch: Path) -> None:
    """Train what is asked for, one after the other, until the server ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which says so
    prepare_process()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing that prints may spoil the answers
    waiting: Queue[bytes | None] = Queue()  # training does not wait for a pipe to be read

    def send() -> None:
        with suppress(BrokenPipeError):  # the server is gone; what was saved is whole
            while (message := waiting.get()) is not None:
                frames.write(answers, message)

    sender = Thread(target=send)
    sender.start()
    try:
        _serve(waiting.put, scratch)
    finally:
        waiting.put(None)
        sender.join()


def _serve(emit: Emit, scratch: Path) -> None:
    inbox = Inbox()
    Thread(target=inbox.listen, args=(sys.stdin,), daemon=True).start()
    _warm_up(scratch)
    ready = frames.pack({"type": "ready", "pid": os.getpid()})
    emit(ready)
    while (job := inbox.job()) is not None:
        _train(job, inbox, emit)
        emit(ready)


def _train(job: dict[str, Any], inbox: Inbox, emit: Emit) -> None:
    try:
        experiment = validate(Experiment, job["experiment"], "the run")
        folder, start = Path(job["folder"]), Start(job["start"])
        copied = None if job["copy_of"] is None else Path(job["copy_of"])
        begun_here = start is not Start.RESUME or copied is not None
        callback = PageCallback(inbox, emit, begun_here)
        with nullcontext() if copied is None else _copied(copied, folder, experiment, callback):
            train_together([experiment], folder, start, Console(quiet=True), [callback])
    except UserError as error:
        emit(frames.pack({"type": "failed", "text": str(error)}))
    except Exception as error:
        traceback.print_exc()
        words = f"a fault of vaelab, not yours: {error!r}"
        emit(frames.pack({"type": "failed", "text": words}))


@contextmanager
def _copied(
    run: Path, folder: Path, experiment: Experiment, callback: PageCallback
) -> Iterator[None]:
    """A copy of a run, there to be trained on; nothing is left of it where that cannot be begun."""
    target = folder / experiment.task_name
    copy_run(run, target)
    try:
        yield
    except UserError:
        if not callback.begun:
            with suppress(UserError):
                remove_run(target)
        raise


def _warm_up(folder: Path) -> None:
    """Take a few steps of something small: what is imported and prepared then is there already."""
    small = {
        "task_name": "warm-up", "data": {"kind": "digits"}, "training": {"epochs": 1},
        "figures": {"every_epoch": [], "at_end": []},
    }  # fmt: skip
    experiment = validate(Experiment, small, "the warm-up")
    train_together([experiment], folder, Start.OVERWRITE)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
