"""Tiny sweeps of the embedded digits."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vaelab.sweep import begin

TINY = {
    "task_name": "tiny",
    "data": {"kind": "digits", "validation": 100},
    "model": {"encoder": {"widths": [16]}},
    "training": {"epochs": 2, "batch_size": 256},
}
Begin = Callable[..., Path]


@pytest.fixture
def sweep(tmp_path: Path) -> Begin:
    def make(*words: str, search: str = "grid", trials: int | None = None, prune: bool = False):
        return begin(TINY, list(words), search, trials, prune, tmp_path)  # type: ignore[arg-type]

    return make
