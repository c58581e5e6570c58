"""Tiny sweeps of the embedded digits."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest

from vaelab.console import Console
from vaelab.sweep import start_sweep
from vaelab.sweep.engine import Task
from vaelab.sweep.progress_table import ProgressTable
from vaelab.sweep.study import Study, Trial
from vaelab.sweep.worker import Worker
from vaelab.training.interrupt import Interrupt

TINY = {
    "task_name": "tiny",
    "data": {"kind": "digits", "validation": 100},
    "model": {"encoder": {"widths": [16]}},
    "training": {"epochs": 2, "batch_size": 256},
}
Start = Callable[..., Path]
QUIET = Console(quiet=True)
TERMS = {"distortion": 1.0, "rate": 2.0, "epoch": 1}


@pytest.fixture
def sweep(tmp_path: Path) -> Start:
    def make(
        *words: str, search: str = "grid", trials: int | None = None, prune: bool = False,
        here: bool = True,
    ):  # fmt: skip
        return start_sweep(TINY, list(words), search, trials, prune, tmp_path, here)  # type: ignore[arg-type]

    return make


def study_of(folder: Path) -> Study:
    return Study(folder)


def trials_of(folder: Path) -> list[Trial]:
    return study_of(folder).trials()


def task_of(folder: Path, console: Console = QUIET) -> Task:
    study = Study(folder)
    return Task(study, ProgressTable(study, console), Interrupt())


def work(folder: Path, workers: int = 1, interrupt: Interrupt | None = None) -> list[Trial]:
    """All trials, in this process."""
    Worker(folder, "here", workers, QUIET).work(interrupt or Interrupt())
    return trials_of(folder)


def wait_for(done: Callable[[], bool]) -> None:
    began = monotonic()
    while not done():
        assert monotonic() - began < 120, "it never came to that"
        sleep(0.02)
