"""Small experiments on the embedded digits."""

from pathlib import Path

import pytest

from vaelab.config import override, validate
from vaelab.experiment import Experiment

TINY = (
    "task_name=tiny",
    "data={kind: digits, validation: 100}",
    "model.encoder.widths=[32]",
    "training.epochs=2",
    "training.log_every=10",
    "figures={every_epoch: [], at_end: []}",
    "explorer.keep=0",
)


def tiny(*assignments: str) -> Experiment:
    return validate(Experiment, override(Experiment, {}, [*TINY, *assignments]), "tiny")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"
