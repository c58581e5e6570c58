"""Tiny sweeps of the embedded digits."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

import pytest

from vaelab.console import Console
from vaelab.sweep import begin
from vaelab.sweep.plan import Sweep
from vaelab.sweep.study import Study
from vaelab.sweep.trial import Trial

TINY = {
    "task_name": "tiny",
    "data": {"kind": "digits", "validation": 100},
    "model": {"encoder": {"widths": [16]}},
    "training": {"epochs": 2, "batch_size": 256},
}
Begin = Callable[..., Path]
QUIET = Console(quiet=True)


@pytest.fixture
def sweep(tmp_path: Path) -> Begin:
    def make(
        *words: str, search: str = "grid", trials: int | None = None, prune: bool = False,
        here: bool = True,
    ):  # fmt: skip
        return begin(TINY, list(words), search, trials, prune, tmp_path, here)  # type: ignore[arg-type]

    return make


def trials_of(folder: Path) -> list[Trial]:
    return Study(folder, Sweep.load(folder).space).trials()


def wait_for(done: Callable[[], bool]) -> None:
    began = monotonic()
    while not done():
        assert monotonic() - began < 120, "it never came to that"
        sleep(0.02)


def workers_of(folder: Path) -> list[int]:
    files = [path for path in (folder / "workers").glob("*") if path.suffix not in (".log", ".tmp")]
    found = []
    for path in files:
        with suppress(FileNotFoundError):  # it has ended meanwhile
            found += [int(process) for process in path.read_text().split()[1:]]
    return found
