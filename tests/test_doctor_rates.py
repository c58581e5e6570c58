"""The doctor finds nothing in runs that are well: twenty seeds of every objective, all pixels."""

from pathlib import Path

import numpy as np
import pytest

from tests.training.conftest import tiny
from vaelab.evaluation.diagnosis.examine import examine
from vaelab.experiment import Experiment
from vaelab.kinds import kinds
from vaelab.training import replicas, train_together

SEEDS = 20
CAPACITY = "{kind: capacity, gamma: 5, capacity: {kind: linear, start: 0, end: 3, epochs: 10}}"
SHORT = ("training.epochs=12", "training.optimizer.learning_rate=0.008")
LONG = ("training.epochs=25", "training.optimizer.learning_rate=0.004")
OBJECTIVES = {
    "elbo": ("elbo", SHORT),
    "stl": ("stl", SHORT),
    "iwae": ("{kind: iwae, samples: 5}", SHORT),
    "dreg": ("{kind: dreg, samples: 3}", SHORT),
    "capacity": (CAPACITY, SHORT),
    "free_bits": ("free_bits", SHORT),
    "tcvae": ("tcvae", SHORT),
    "dip": ("dip", LONG),
    "info": ("{kind: info, weight: 30}", LONG),  # 64 pixels are worth less than MNIST's 784
}
PIXELS = {
    "signed": ("data.pixels=signed",),
    "static": ("data.pixels={kind: binary, mode: static}", "model.likelihood=bernoulli"),
    "dynamic": ("data.pixels={kind: binary, mode: dynamic}", "model.likelihood=bernoulli"),
    "levels": ("data.pixels=levels", "model.likelihood=discretized_logistic"),
}


def findings(experiment: Experiment, folder: Path) -> list[str]:
    """What the doctor finds in each run."""
    found = []
    for outcome in train_together(replicas(experiment), folder):
        examination = examine(outcome.run, images=300)
        found += [f"{outcome.run.path.name}: {f.summary}" for _, f in examination.findings]
        assert "overfitting" in {diagnosis.name for diagnosis in examination.sound}
    return found


def test_every_objective_has_runs_that_are_well() -> None:
    assert set(OBJECTIVES) == {kind.name for kind in kinds() if kind.axis.name == "objective"}


@pytest.mark.slow
@pytest.mark.parametrize("name", OBJECTIVES)
def test_no_false_alarms_over_seeds(name: str, tmp_path: Path) -> None:
    objective, well = OBJECTIVES[name]
    words = (f"objective={objective}", *well, f"training.replicas={SEEDS}")
    found = findings(tiny(*words), tmp_path)
    assert len(found) < 0.05 * SEEDS, found


@pytest.mark.slow
@pytest.mark.parametrize("name", PIXELS)
def test_no_false_alarms_of_pixels(name: str, tmp_path: Path) -> None:
    assert not findings(tiny(*LONG, *PIXELS[name], "training.replicas=3"), tmp_path)


@pytest.mark.slow
def test_no_false_alarms_of_black_and_white_taken_for_greys(tmp_path: Path) -> None:
    """Errors may well be smaller than those of rounding to two levels."""
    store = tiny().data.load()
    images = np.where(store.train.images > 127, 255, 0).astype(np.uint8)
    np.savez(tmp_path / "coins.npz", images=images, labels=store.train.labels)
    data = f"data={{kind: npz, path: '{tmp_path / 'coins.npz'}', validation: 100}}"
    experiment = tiny(data, *LONG, "training.replicas=3", "model.likelihood.scale=0.28")
    assert not findings(experiment, tmp_path / "runs")
