"""Sweeps from beginning to end, on tiny runs."""

import json
from functools import partial
from io import StringIO
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest
import torch

from tests.sweep.conftest import QUIET, Start, study_of, task_of, trials_of, work
from vaelab.console import Console
from vaelab.errors import BadValueError
from vaelab.runs.run import Run
from vaelab.runs.runlock import RunLock
from vaelab.sweep import resume_sweep
from vaelab.sweep.engine import train_here
from vaelab.sweep.liveness import registered
from vaelab.sweep.progress_table import ProgressTable, epochs_saved
from vaelab.sweep.results import results
from vaelab.sweep.study import State
from vaelab.sweep.worker import Worker
from vaelab.tensorfile import read_tensors
from vaelab.training import train
from vaelab.training.interrupt import Interrupt


class Stopping(Interrupt):
    """A user who asks to stop after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps
        super().__init__()

    @property
    def requested(self) -> bool:  # type: ignore[override]
        self.left -= 1
        return self.left < 0

    @requested.setter
    def requested(self, value: bool) -> None:
        pass


def kept_elbo(run: Run, beta: float) -> float:
    """Of the epoch with the least distortion + beta rate."""
    rows = [row for row in run.metrics() if row["split"] == "valid"]
    least = min(rows, key=lambda row: row["distortion_nats"] + beta * row["rate_nats"])
    return float(least["elbo_nats"])


@pytest.mark.slow
def test_every_trial_is_the_run_it_would_be_alone(sweep: Start, tmp_path: Path) -> None:
    folder = sweep("objective.beta=0.5,4", "training.seed=0,1", "training.precision=float64")
    trials = work(folder)
    assert [trial.state for trial in trials] == [State.COMPLETE] * 4
    for trial in trials:
        run = Run(folder / trial.run)
        alone = train(run.experiment, tmp_path / "alone").run
        assert trial.elbo == pytest.approx(
            kept_elbo(alone, float(trial.setting["objective.beta"])), rel=1e-9
        )
        torch.testing.assert_close(
            read_tensors(run.resume_path)[0], read_tensors(alone.resume_path)[0], rtol=1e-6,
            atol=1e-8,
        )  # fmt: skip
    for result in results(trials):
        elbos = [trial.elbo for trial in result.trials if trial.elbo is not None]
        assert len(elbos) == 2
        assert result.elbo is not None
        assert result.elbo.value == pytest.approx(mean(elbos))
        assert result.elbo.standard_error == pytest.approx(stdev(elbos) / 2**0.5)
        assert -result.term("rate").value - result.term("distortion").value == pytest.approx(
            result.elbo.value
        )


def test_those_alike_are_trained_together_and_shared_among_workers(sweep: Start) -> None:
    folder = sweep("model.latent=2,3", "objective.beta=1,2", "training.seed=0,1")
    one, two = Worker(folder, "one", 2, QUIET), Worker(folder, "two", 2, QUIET)
    with registered(folder, "one"), registered(folder, "two"):
        claimed = [[trial.run for trial in worker.claim()] for worker in (one, two, one)]
    assert claimed[0] == ["000_latent2_beta1_seed0", "001_latent2_beta1_seed1"]
    # two idle workers halve those alike; the second is the last idle one, and so is the first then
    assert [len(runs) for runs in claimed] == [2, 2, 4]
    assert len({run for runs in claimed for run in runs}) == 8


def test_convolutions_on_a_cpu_are_trained_in_turn(sweep: Start) -> None:
    conv = "model.encoder={kind: conv, channels: [4], kernels: [2], strides: [2]}"
    folder = sweep("training.seed=0,1,2", "training.device=cpu", conv)
    assert len(Worker(folder, "here", 1, QUIET).claim()) == 1


@pytest.mark.slow
def test_a_trial_that_diverges_is_recorded_and_the_sweep_goes_on(sweep: Start) -> None:
    folder = sweep("training.optimizer.learning_rate=1e-3,1e30", "training.seed=0,1")
    trials = {trial.run: trial for trial in work(folder)}
    states = [trial.state for trial in trials.values()]
    assert states == [State.COMPLETE] * 2 + [State.DIVERGED] * 2
    reason = trials["002_learning_rate1e+30_seed0"].reason
    assert "is not a finite number" in reason
    assert "002_" not in reason
    found = results(list(trials.values()))
    assert [result.whole for result in found] == [True, False]
    assert found[1].elbo is None


def test_a_setting_that_cannot_be_built_fails_alone(sweep: Start) -> None:
    bad = "{kind: conv, channels: [4], kernels: [20], strides: [2]}"
    folder = sweep(f"model.encoder={bad},mlp")
    trials = work(folder)
    assert [trial.state for trial in trials] == [State.FAILED, State.COMPLETE]
    assert "kernel" in trials[0].reason


def test_a_trial_whose_run_another_process_still_writes_waits_for_it(
    sweep: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one may whose worker was killed, and that is not yet gone."""
    folder = sweep("training.seed=0,1")
    trial, _ = trials_of(folder)
    (folder / trial.run).mkdir()
    lock = RunLock(folder / trial.run, "training")
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        lock.release()

    monkeypatch.setattr("vaelab.sweep.worker.sleep", sleep)
    trials = work(folder)
    assert waits
    assert [(trial.state, trial.attempt) for trial in trials] == [(State.COMPLETE, 1)] * 2


def test_trials_that_a_machine_cannot_train_wait_for_another(
    sweep: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    folder = sweep("objective.beta=1,2", "training.device=mps", here=False)
    with pytest.raises(BadValueError, match="`mps`, which this machine"):
        work(folder)
    assert {trial.state for trial in trials_of(folder)} == {State.WAITING}


def test_a_stopped_sweep_waits_saved_and_goes_on(sweep: Start) -> None:
    folder = sweep("objective.beta=1,2", "training.epochs=4", "training.batch_size=512")
    trials = work(folder, interrupt=Stopping(steps=9))
    assert [(trial.state, trial.attempt) for trial in trials] == [(State.WAITING, 1)] * 2
    saved = [epochs_saved(Run(folder / trial.run))[0] for trial in trials]
    assert all(1 <= epoch < 4 for epoch in saved)
    assert not list((folder / "workers").glob("*.lock"))
    trials = work(folder)
    assert [(trial.state, trial.attempt) for trial in trials] == [(State.COMPLETE, 1)] * 2
    for trial in trials:
        rows = Run(folder / trial.run).metrics()
        assert [row["epoch"] for row in rows if row["split"] == "valid"] == [1, 2, 3, 4]


def test_a_sweep_without_workers_is_made_for_others(sweep: Start) -> None:
    folder = sweep("objective.beta=1,2")
    console = Console(file=StringIO(), width=200)
    assert resume_sweep(folder, partial(train_here, workers=0), console) is None
    said = console.file.getvalue()
    assert f"elsewhere: python -m vaelab.sweep.worker {folder}" in said
    assert f"to go on: vaelab sweep resume {folder}" in said
    assert len(study_of(folder).waiting()) == 2


@pytest.mark.slow
def test_the_command_line_from_run_to_best(vaelab: Any, tmp_path: Path) -> None:
    config = tmp_path / "small.yaml"
    config.write_text(
        "task_name: small\ndata: {kind: digits, validation: 100}\n"
        "model: {encoder: {widths: [16]}}\ntraining: {epochs: 1, batch_size: 256}\n"
    )
    words = ("objective.beta=1,2", "training.seed=0,1", "--runs", tmp_path)
    answer = vaelab("sweep", "run", config, *words)
    assert answer.code == 0, answer.err
    folder = tmp_path / "small_sweep"
    assert answer.out.count("2 done") == 2
    assert "best: beta" in answer.out
    assert f"next: vaelab evaluate {folder}" in answer.out
    for name in ("rate_distortion", "parallel", "strip"):
        assert (folder / f"{name}.png").is_file()
    assert "best: beta" in vaelab("sweep", "best", folder).out
    assert "4 of 4 trials have ended" in vaelab("sweep", "status", folder).out
    again = vaelab("sweep", "run", config, *words)
    assert again.code == 2
    assert f"`vaelab sweep resume {folder}`" in again.err
    assert "Traceback" not in again.err
    nowhere = vaelab("sweep", "best", tmp_path)
    assert (nowhere.code, nowhere.err.count("\n")) == (2, 1)
    journal = [json.loads(line) for line in (folder / "journal.log").read_text().splitlines()]
    assert len([entry for entry in journal if entry["op_code"] == 4]) == 4


def test_a_terminal_sees_a_table_and_a_file_a_line_for_each_that_ended(sweep: Start) -> None:
    folder = sweep("objective.beta=1,2,4")
    study = study_of(folder)
    terminal = Console(file=StringIO(), force_terminal=True, width=100)
    file = Console(file=StringIO(), width=100)
    first, second, _ = study.trials()
    study.claim([first, second], "me")
    for console in (terminal, file):
        table = ProgressTable(study, console)
        with table.live():
            table.show(study.trials())
            assert "001_beta2" not in file.file.getvalue()
            if console is terminal:
                study.complete(first, -1.25, {"distortion": 1.0, "rate": 0.25, "epoch": 2})
            table.show(study.trials())
    seen = terminal.file.getvalue()
    assert "1 complete, 1 running, 1 waiting" in seen
    assert "001_beta2" in seen
    assert "1/3 000_beta1 complete: valid elbo -1.25 nats" in seen


def test_a_sweep_is_finished_when_all_its_trials_have_ended(sweep: Start) -> None:
    folder = sweep("objective.beta=1,2")
    task = task_of(folder)
    for trial in task.study.trials():
        assert not task.study.finished
        task.study.complete(trial, -1.0, {"distortion": 1.0, "rate": 0.0, "epoch": 1})
    assert task.study.finished
