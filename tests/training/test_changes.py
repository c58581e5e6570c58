"""What a person changes while a run trains is in its config, and repeats the run exactly."""

from pathlib import Path

import pytest
import torch

from tests.training.conftest import tiny
from vaelab.errors import BadValueError
from vaelab.experiment import Change, Experiment
from vaelab.runs.lookup import load_experiment
from vaelab.runs.run import Run
from vaelab.tensorfile import read_tensors
from vaelab.training import Callback, Start, Training, train_together
from vaelab.training.changes import Changes


class Script(Callback):
    """Someone who changes these settings before these steps."""

    def __init__(self, script: dict[int, dict[str, float]]) -> None:
        self.script = script
        self.seen: list[int] = []
        self.ended: str | None = "not yet"

    def before_step(self, training: Training) -> None:
        settings = self.script.pop(training.progress.step, {})
        if settings:
            training.change(**settings)
        if "stop" in settings:
            training.stop("stopped on the page")

    def on_step(self, training: Training) -> None:
        self.seen.append(training.progress.step)

    def on_stop(self, training: Training) -> None:
        self.ended = training.stopped


def logged(run: Run, name: str) -> dict[int, float]:
    return {row["step"]: row[name] for row in run.metrics() if row["split"] == "train"}


def weights(run: Run) -> dict[str, torch.Tensor]:
    return read_tensors(run.resume_path)[0]


def conducted(experiment: Experiment, folder: Path, script: Script, start: Start) -> Run:
    return train_together([experiment], folder, start, callbacks=[script])[0].run


def test_a_run_that_was_changed_and_stopped_is_repeated_from_its_directory(tmp_path: Path) -> None:
    experiment = tiny("training.log_every=1", "training.epochs=2")
    script = Script({3: {"beta": 4.0}, 5: {"learning_rate": 3e-4}, 7: {"stop": True}})
    run = conducted(experiment, tmp_path, script, Start.NEW)
    assert script.ended == "stopped on the page"
    assert script.seen == [1, 2, 3, 4, 5, 6, 7]

    config = str(run.path)
    assert load_experiment(config)[0].training.changes == (
        Change(step=3, beta=4.0),
        Change(step=5, learning_rate=3e-4),
        Change(step=7, stop=True),
    )
    betas, rates = logged(run, "beta"), logged(run, "learning_rate")
    assert [betas[step] for step in (3, 4, 7)] == [1.0, 4.0, 4.0]
    assert [rates[step] for step in (5, 6)] == [experiment.training.optimizer.learning_rate, 3e-4]

    again, _ = load_experiment(config, ["task_name=again"])
    (outcome,) = train_together([again], tmp_path)
    assert outcome.stopped == "stopped after step 7, as training.changes says"
    assert logged(outcome.run, "loss_nats") == logged(run, "loss_nats")
    for name, tensor in weights(run).items():
        assert torch.equal(tensor, weights(outcome.run)[name]), name


@pytest.mark.slow
def test_a_stopped_run_goes_on_and_is_repeated_without_the_stop(tmp_path: Path) -> None:
    script = Script({2: {"beta": 0.5}, 4: {"stop": True}})
    run = conducted(tiny(), tmp_path, script, Start.NEW)
    resumed, _ = load_experiment(str(run.path))
    outcome = train_together([resumed], tmp_path, Start.RESUME)[0]
    assert outcome.stopped is None
    assert outcome.run.experiment.training.changes == (Change(step=2, beta=0.5),)

    again, _ = load_experiment(str(run.path), ["task_name=again"])
    repeated = train_together([again], tmp_path)[0]
    for name, tensor in weights(outcome.run).items():
        assert torch.equal(tensor, weights(repeated.run)[name]), name


def test_changes_are_functions_of_the_step() -> None:
    changes = Changes([Change(step=9, learning_rate=0.1), Change(step=4, beta=2)])
    changes.add(Change(step=9, beta=3))
    assert [dict(changes.controls(step)) for step in (3, 4, 8, 9)] == [
        {}, {"beta": 2}, {"beta": 2}, {"beta": 3},
    ]  # fmt: skip
    assert [changes.learning_rate(step) for step in (8, 9, 20)] == [None, 0.1, 0.1]
    assert changes.all == (Change(step=4, beta=2), Change(step=9, beta=3, learning_rate=0.1))
    changes.add(Change(step=12, stop=True))
    assert changes.stops(12)
    assert not changes.stops(13)
    assert not changes.go_on_from(11)
    assert changes.go_on_from(12)
    assert not changes.stops(12)


def test_a_beta_is_refused_where_the_objective_has_none() -> None:
    with pytest.raises(BadValueError, match=r"training.changes sets beta.*`iwae` has none"):
        tiny("objective={kind: iwae}", "training.changes=[{step: 3, beta: 2}]")
