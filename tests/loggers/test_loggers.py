"""Every tracker has what metrics.jsonl says, whatever happens to the training or to the tracker."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Answer
from tests.loggers.conftest import (
    Tracker,
    expected,
    mlflow_run,
    tensorboard_points,
    tensorboard_text,
    wandb_config,
)
from tests.training.conftest import tiny
from vaelab.config import to_yaml
from vaelab.console import Console
from vaelab.errors import BadValueError
from vaelab.loggers import Logger, LoggerWarning
from vaelab.runs.run import Run
from vaelab.runs.runfiles import foreign
from vaelab.sweep import start_sweep
from vaelab.sweep.study import Study
from vaelab.sweep.worker import Worker
from vaelab.training import DivergedRunError, Start, replicas, train, train_together
from vaelab.training.interrupt import Interrupt
from vaelab.training.state import read_progress

pytestmark = [
    # MLflow's tables are declared as an older SQLAlchemy had them
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated"),
]

KILLED = """
import os, sys
from pathlib import Path
from vaelab.config import validate
from vaelab.yamlfile import read_yaml
from vaelab.experiment import Experiment
from vaelab.training import train, training

training.is_better = lambda *given: os._exit(9)
train(validate(Experiment, read_yaml(Path(sys.argv[1])), "killed"), Path(sys.argv[2]))
"""
"""Dies without a word when the rows of the first epoch's end are logged and not yet saved."""


def logging_to(tracker: Tracker, *assignments: str):  # type: ignore[no-untyped-def]
    return tiny(f"training.loggers=[{tracker.config}]", *assignments)


@pytest.mark.slow
def test_a_tracker_has_every_number_once(tracker: Tracker, tmp_path: Path) -> None:
    run = train(logging_to(tracker), tmp_path).run
    points = tracker.points(run)
    assert points == expected(run, tracker.dtype)
    names = {name for name, _, _ in points}
    assert {"train/elbo_nats", "train/loss_nats", "valid/elbo_nats"} <= names
    assert foreign(run.path) == []  # --overwrite knows what a tracker writes there


@pytest.mark.slow
def test_killed_and_resumed_it_has_every_number_once(tracker: Tracker, tmp_path: Path) -> None:
    experiment = logging_to(tracker, "training.save_minutes=1e-9")
    (tmp_path / "killed.yaml").write_text(to_yaml(experiment))
    command = [sys.executable, "-c", KILLED, str(tmp_path / "killed.yaml"), str(tmp_path)]
    alone = {key: value for key, value in os.environ.items() if key != "WANDB_SERVICE"}
    assert subprocess.run(command, capture_output=True, env=alone).returncode == 9
    killed = Run(tmp_path / "tiny")
    identity = killed.identity()
    assert killed.metrics()[-1]["split"] == "valid"
    assert killed.metrics()[-1]["step"] > read_progress(killed.resume_path).step

    run = train(experiment, tmp_path, Start.RESUME).run
    assert run.identity() == identity
    assert tracker.points(run) == expected(run, tracker.dtype)


@pytest.mark.slow
def test_a_tracker_named_when_going_on_gets_what_was_before(
    tracker: Tracker, tmp_path: Path
) -> None:
    train(tiny("training.max_minutes=1e-9"), tmp_path)
    run = train(logging_to(tracker), tmp_path, Start.RESUME).run
    again = train(logging_to(tracker, "training.epochs=3"), tmp_path, Start.RESUME).run
    assert run.identity() == again.identity()
    assert tracker.points(again) == expected(again, tracker.dtype)


@pytest.mark.slow
def test_a_tracker_named_for_a_finished_run_gets_all_of_it(
    tracker: Tracker, tmp_path: Path
) -> None:
    train(tiny(), tmp_path)
    for _ in range(2):
        run = train(logging_to(tracker), tmp_path, Start.RESUME).run
        assert tracker.points(run) == expected(run, tracker.dtype) != []


@pytest.mark.slow
def test_a_run_that_replaces_another_has_a_history_of_its_own(
    tracker: Tracker, tmp_path: Path
) -> None:
    before = train(logging_to(tracker), tmp_path).run.identity()
    run = train(logging_to(tracker, "training.seed=1"), tmp_path, Start.OVERWRITE).run
    assert run.identity() != before
    assert tracker.points(run) == expected(run, tracker.dtype)


def test_runs_trained_together_log_each_for_itself(tracker: Tracker, tmp_path: Path) -> None:
    outcomes = train_together(replicas(logging_to(tracker, "training.replicas=2")), tmp_path)
    first, second = (outcome.run for outcome in outcomes)
    assert expected(first) != expected(second)
    for run in (first, second):
        assert tracker.points(run) == expected(run, tracker.dtype)


@pytest.mark.slow
def test_the_pictures_are_there_too(tracker: Tracker, tmp_path: Path) -> None:
    figures = "figures={every_epoch: [latent], at_end: [rates]}"
    run = train(logging_to(tracker, figures, "training.epochs=1"), tmp_path).run
    last = run.metrics()[-1]["step"]
    named = [("at_end/rates", last), ("every_epoch/latent", 0), ("every_epoch/latent", last)]
    files = [("latent_epoch_0.png", 0), ("latent_epoch_1.png", 0), ("rates.png", 0)]
    assert tracker.pictures(run) in (named, files)


@pytest.mark.slow
def test_the_settings_are_there_too(tmp_path: Path, mlflow_uri: str) -> None:
    mlflow = f"{{kind: mlflow, tracking_uri: '{mlflow_uri}'}}"
    kinds = f"training.loggers=[tensorboard, {{kind: wandb, mode: offline}}, {mlflow}]"
    run = train(tiny(kinds), tmp_path).run
    assert to_yaml(run.experiment) in tensorboard_text(run)
    assert wandb_config(run)["model"] == run.experiment.model.model_dump(mode="json")
    client, found = mlflow_run(run, mlflow_uri)
    assert found.data.params["model.encoder.widths"] == "[32]"
    assert found.info.run_name == "tiny"
    assert found.info.status == "FINISHED"
    path = client.download_artifacts(found.info.run_id, "config.yaml", str(tmp_path))
    assert Path(path).read_text() == to_yaml(run.experiment)


# --- what goes wrong


@pytest.mark.parametrize("kind", ["tensorboard", "wandb", "mlflow"])
def test_a_package_that_is_missing_is_named_before_anything_is_written(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vaelab: Callable[..., Answer]
) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("vaelab.loggers.base.distribution", missing)
    answer = vaelab("train", "digits", "--runs", tmp_path / "runs", f"training.loggers=[{kind}]")
    assert answer.code == 2
    assert f"pip install vaelab[{kind}]" in answer.err
    assert len(answer.err.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_nobody_is_asked_to_log_in(tmp_path: Path) -> None:
    with pytest.raises(BadValueError, match=r"`wandb login` once.*mode: offline"):
        train(tiny("training.loggers=[wandb]"), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_kind_named_twice_is_refused() -> None:
    with pytest.raises(BadValueError, match=r"has tensorboard more than once"):
        tiny("training.loggers=[tensorboard, tensorboard]")


def test_a_server_that_is_away_is_warned_of_and_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    away = "{kind: mlflow, tracking_uri: 'http://127.0.0.1:9'}"
    with pytest.warns(LoggerWarning, match=r"`mlflow` cannot be opened") as warned:
        run = train(tiny(f"training.loggers=[tensorboard, {away}]"), tmp_path).run
    assert [warning.category for warning in warned].count(LoggerWarning) == 1
    assert tensorboard_points(run) == expected(run, np.float32)


@pytest.mark.slow
def test_a_logger_that_fails_is_warned_of_once_and_caught_up_with_when_going_on(
    tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tracker.logger.log

    def full(self: Logger, step: int, numbers: Mapping[str, float]) -> None:
        if step > 20:
            raise OSError("no space left")
        log(self, step, numbers)

    with monkeypatch.context() as failing:
        failing.setattr(tracker.logger, "log", full)
        with pytest.warns(LoggerWarning, match=r"failed \(no space left\).*--resume") as warned:
            run = train(logging_to(tracker), tmp_path).run
    assert [warning.category for warning in warned].count(LoggerWarning) == 1
    assert max(step for _, step, _ in tracker.points(run)) == 20 < run.metrics()[-1]["step"]
    run = train(logging_to(tracker), tmp_path, Start.RESUME).run
    assert tracker.points(run) == expected(run, tracker.dtype)


def test_a_training_that_fails_is_marked_so(tmp_path: Path, mlflow_uri: str) -> None:
    wrong = ("training.optimizer.learning_rate=1e30",)
    mlflow = f"training.loggers=[{{kind: mlflow, tracking_uri: '{mlflow_uri}'}}]"
    with pytest.raises(DivergedRunError):
        train(tiny(mlflow, *wrong), tmp_path)
    _, found = mlflow_run(Run(tmp_path / "tiny"), mlflow_uri)
    assert found.info.status == "FAILED"


def test_the_trials_of_a_sweep_log_each_for_itself(tmp_path: Path) -> None:
    settings = tiny("training.loggers=[tensorboard]").model_dump(mode="json")
    folder = start_sweep(settings, ["objective.beta=1,2"], "grid", None, False, tmp_path)
    Worker(folder, "here", 1, Console(quiet=True)).work(Interrupt())
    trials = Study(folder).trials()
    assert len(trials) == 2
    for trial in trials:
        run = Run(folder / trial.run)
        assert tensorboard_points(run) == expected(run, np.float32)
