"""Sweeps from beginning to end, on tiny runs."""

import json
import os
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path
from statistics import mean, stdev
from threading import Thread, Timer
from typing import Any

import pytest
import torch

from tests.sweep.conftest import QUIET, Begin, trials_of, wait_for, workers_of
from vaelab.console import Console
from vaelab.errors import BadValueError
from vaelab.run import Run
from vaelab.runlock import RunLock
from vaelab.sweep import go_on
from vaelab.sweep.board import Board
from vaelab.sweep.engines.local import Local
from vaelab.sweep.heart import Heart
from vaelab.sweep.plan import Sweep
from vaelab.sweep.progress import reached
from vaelab.sweep.results import results
from vaelab.sweep.study import Study
from vaelab.sweep.trial import State, Trial
from vaelab.sweep.warden import rungs
from vaelab.sweep.worker import Worker
from vaelab.tensorfile import read_tensors
from vaelab.training import train


def work(folder: Path, workers: int = 1) -> list[Trial]:
    """All trials, in this process."""
    Worker(folder, "here", workers, QUIET).work()
    return trials_of(folder)


def kept_elbo(run: Run, beta: float) -> float:
    """Of the epoch with the least distortion + beta rate."""
    rows = [row for row in run.metrics() if row["split"] == "valid"]
    least = min(rows, key=lambda row: row["distortion_nats"] + beta * row["rate_nats"])
    return float(least["elbo_nats"])


@pytest.mark.slow
def test_every_trial_is_the_run_it_would_be_alone(sweep: Begin, tmp_path: Path) -> None:
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


def test_those_alike_are_trained_together_and_shared_among_workers(sweep: Begin) -> None:
    folder = sweep("model.latent=2,3", "objective.beta=1,2", "training.seed=0,1")
    one, two = Worker(folder, "one", 2, QUIET), Worker(folder, "two", 2, QUIET)
    with Heart(folder, "one"), Heart(folder, "two"):
        claimed = [[trial.run for trial in worker._claim()] for worker in (one, two, one)]
    assert claimed[0] == ["000_latent2_beta1_seed0", "001_latent2_beta1_seed1"]
    # two idle workers halve those alike; the second is the last idle one, and so is the first then
    assert [len(runs) for runs in claimed] == [2, 2, 4]
    assert len({run for runs in claimed for run in runs}) == 8


def test_convolutions_on_a_cpu_are_trained_in_turn(sweep: Begin) -> None:
    conv = "model.encoder={kind: conv, channels: [4], kernels: [2], strides: [2]}"
    folder = sweep("training.seed=0,1,2", "training.device=cpu", conv)
    assert len(Worker(folder, "here", 1, QUIET)._claim()) == 1


@pytest.mark.slow
def test_a_trial_that_diverges_is_recorded_and_the_sweep_goes_on(sweep: Begin) -> None:
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


def test_a_setting_that_cannot_be_built_fails_alone(sweep: Begin) -> None:
    bad = "{kind: conv, channels: [4], kernels: [20], strides: [2]}"
    folder = sweep(f"model.encoder={bad},mlp")
    trials = work(folder)
    assert [trial.state for trial in trials] == [State.FAILED, State.COMPLETE]
    assert "kernel" in trials[0].reason


def test_a_trial_whose_run_another_process_still_writes_waits_for_it(sweep: Begin) -> None:
    """As one does that was taken for dead, and wakes."""
    folder = sweep("training.seed=0,1")
    trial, _ = trials_of(folder)
    (folder / trial.run).mkdir()
    lock = RunLock(folder / trial.run, "training")
    timer = Timer(3, lock.release)
    timer.start()
    trials = work(folder)
    timer.join()
    assert [(trial.state, trial.attempt) for trial in trials] == [(State.COMPLETE, 1)] * 2


def test_trials_that_a_machine_cannot_train_wait_for_another(
    sweep: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    folder = sweep("objective.beta=1,2", "training.device=mps", here=False)
    with pytest.raises(BadValueError, match="`mps`, which this machine"):
        work(folder)
    assert {trial.state for trial in trials_of(folder)} == {State.WAITING}


def test_rungs_lie_at_a_fifth_of_the_epochs_and_each_twice_as_far_as_the_one_before() -> None:
    assert [rungs(epochs) for epochs in (1, 2, 10, 100)] == [[], [1], [2, 4, 8], [20, 40, 80]]


@pytest.mark.slow
def test_successive_halving_needs_no_trial_to_have_ended(sweep: Begin) -> None:
    rates = "training.optimizer.learning_rate=1e-2,1e-6"
    folder = sweep(rates, "training.epochs=10", prune=True)
    trials = work(folder, workers=2)  # one by one
    assert [trial.state for trial in trials] == [State.COMPLETE, State.PRUNED]
    assert trials[1].terms["epoch"] == 2  # the first rung is a fifth of the training
    assert reached(Run(folder / trials[1].run)).epoch == 2


@pytest.mark.slow
def test_of_those_trained_together_the_worse_half_is_pruned_and_the_others_go_on(
    sweep: Begin, tmp_path: Path
) -> None:
    rates = "training.optimizer.learning_rate=1e-7,1e-2,1e-6,3e-3"
    folder = sweep(rates, "training.epochs=5", "training.precision=float64", prune=True)
    trials = work(folder)
    assert [trial.state for trial in trials] == [
        State.PRUNED, State.COMPLETE, State.PRUNED, State.PRUNED,
    ]  # fmt: skip
    assert [reached(Run(folder / trial.run)).epoch for trial in trials] == [1, 5, 1, 2]
    run = Run(folder / trials[1].run)
    alone = train(run.experiment, tmp_path / "alone").run
    torch.testing.assert_close(
        read_tensors(run.resume_path)[0], read_tensors(alone.resume_path)[0], rtol=1e-6, atol=1e-8
    )


@pytest.mark.slow
def test_a_worker_that_was_taken_for_dead_writes_nothing_more(
    sweep: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vaelab.sweep import warden
    from vaelab.training.interrupt import Interrupt

    monkeypatch.setattr(warden, "LOOK", -1.0)
    folder = sweep("objective.beta=1,2")
    study = Study(folder, Sweep.load(folder).space)
    trials = study.trials()
    study.claim(trials, "here")
    study.retry(trials[0])
    assert Worker(folder, "here", 1, QUIET).train(trials, Interrupt())
    assert [trial.state for trial in study.trials()] == [State.WAITING, State.COMPLETE]
    assert not reached(Run(folder / trials[0].run)).epoch


@pytest.mark.slow
def test_a_killed_worker_loses_its_own_unfinished_epoch_at_most(
    sweep: Begin, tmp_path: Path
) -> None:
    words = (
        "objective.beta=1,2", "training.epochs=8", "training.batch_size=16",
        "training.precision=float64", "training.threads=1",
    )  # fmt: skip
    folder = sweep(*words)
    saved: dict[str, int] = {}

    def kill() -> None:
        runs = [folder / trial.run for trial in trials_of(folder)]
        wait_for(lambda: all(Run.exists(run) and reached(Run(run)).epoch >= 2 for run in runs))
        (worker,) = workers_of(folder)
        os.kill(worker, signal.SIGSTOP)
        saved.update({run.name: reached(Run(run)).epoch for run in runs})
        os.kill(worker, signal.SIGKILL)

    killer = Thread(target=kill)
    killer.start()
    console = Console(record=True, quiet=True)
    go_on(folder, Local(1), console)
    killer.join()
    assert set(saved) == {trial.run for trial in trials_of(folder)}
    assert all(2 <= epoch < 8 for epoch in saved.values()), f"killed at {saved}: shows nothing"

    every = Study(folder, Sweep.load(folder).space).every()
    assert [trial.state for trial in every] == [State.KILLED] * 2 + [State.COMPLETE] * 2
    assert {trial.attempt for trial in every[2:]} == {2}
    (log,) = [path for path in (folder / "workers").glob("*.log") if path.stem == every[-1].worker]
    epochs = [line for line in log.read_text().splitlines() if line.startswith("epoch")]
    assert int(epochs[0].split()[1].split("/")[0]) == min(saved.values()) + 1
    for trial in every[2:]:
        rows = Run(folder / trial.run).metrics()
        assert [row["epoch"] for row in rows if row["split"] == "valid"] == list(range(1, 9))
    run = Run(folder / every[-1].run)
    alone = train(run.experiment, tmp_path / "alone").run
    torch.testing.assert_close(
        read_tensors(run.resume_path)[0], read_tensors(alone.resume_path)[0], rtol=1e-6, atol=1e-8
    )


@pytest.mark.slow
def test_a_stopped_sweep_waits_saved_and_goes_on(sweep: Begin) -> None:
    folder = sweep("objective.beta=1,2", "training.epochs=3000")

    def stop() -> None:
        runs = [folder / trial.run for trial in trials_of(folder)]
        wait_for(lambda: all(Run.exists(run) and reached(Run(run)).epoch >= 2 for run in runs))
        os.kill(os.getpid(), signal.SIGINT)

    stopper = Thread(target=stop)
    stopper.start()
    go_on(folder, Local(1), QUIET)
    stopper.join()
    trials = trials_of(folder)
    assert {trial.state for trial in trials} == {State.WAITING}
    assert {trial.attempt for trial in trials} == {1}
    epochs = [reached(Run(folder / trial.run)).epoch for trial in trials]
    assert min(epochs) >= 2
    assert workers_of(folder) == []
    for trial in trials:  # shorter, so that the test ends
        path = Run(folder / trial.run).config_path
        assert "epochs: 3000" in path.read_text()
    plan = folder / "sweep.yaml"
    short = f"{max(epochs) + 2}"
    plan.write_text(plan.read_text().replace("3000", short))
    go_on(folder, Local(2), QUIET)
    assert {trial.state for trial in trials_of(folder)} == {State.COMPLETE}
    for trial in trials:
        rows = Run(folder / trial.run).metrics()
        valid = [row["epoch"] for row in rows if row["split"] == "valid"]
        assert valid == list(range(1, max(epochs) + 3))


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


@pytest.mark.slow
def test_only_sweeps_pay_for_optuna() -> None:
    look = "import sys, vaelab.cli, vaelab.api, vaelab.training; print('optuna' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_terminal_sees_a_table_and_a_file_a_line_for_each_that_ended(sweep: Begin) -> None:
    folder = sweep("objective.beta=1,2,4")
    plan = Sweep.load(folder)
    study = Study(folder, plan.space)
    terminal = Console(file=StringIO(), force_terminal=True, width=100)
    file = Console(file=StringIO(), width=100)
    boards = [Board(folder, plan, console) for console in (terminal, file)]
    first, second, _ = study.trials()
    study.claim([first, second], "me")
    for board in boards:
        with board:
            board.show(study.trials())
            assert "001_beta2" not in file.file.getvalue()
            if board is boards[0]:
                study.complete(first, -1.25, {"distortion": 1.0, "rate": 0.25, "epoch": 2})
            board.show(study.trials())
    seen = terminal.file.getvalue()
    assert "1 complete, 1 running, 1 waiting" in seen
    assert "001_beta2" in seen
    assert "1/3 000_beta1 complete: valid elbo -1.25 nats" in seen
