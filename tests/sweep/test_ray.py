"""Sweeps on a local Ray."""

import os
import signal
from collections.abc import Iterator
from functools import partial
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch

from tests.sweep.conftest import QUIET, Start, study_of, task_of, trials_of, wait_for
from vaelab.console import Console
from vaelab.errors import BadValueError
from vaelab.runs.run import Run
from vaelab.sweep import resume_sweep
from vaelab.sweep.engine import Engine, choose, train_here
from vaelab.sweep.progress_table import epochs_saved
from vaelab.sweep.ray_engine import joined, room, wanted_by_each, work
from vaelab.sweep.study import State
from vaelab.tensorfile import read_tensors
from vaelab.training import train

EXACT = ("training.precision=float64", "training.threads=1", "training.batch_size=16")


def processes_of(folder: Path) -> list[int]:
    """Those that have a worker's log open."""
    found = []
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if link.readlink().parent == folder / "workers" and link.readlink().suffix == ".log":
                found.append(int(link.parts[2]))
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def cluster() -> Iterator[Engine]:
    with joined(1, None, 1, None) as engine:
        yield engine


@pytest.mark.slow
def test_a_killed_worker_is_started_anew_and_its_trials_end_as_if_it_had_not_been(
    sweep: Start, tmp_path: Path, cluster: Engine
) -> None:
    often = "training.save_minutes=1e-9"
    folder = sweep("objective.beta=1,2", "training.epochs=12", often, *EXACT)
    runs = [folder / trial.run for trial in trials_of(folder)]
    saved: dict[str, int] = {}

    def kill() -> None:
        wait_for(lambda: all(Run.exists(run) and epochs_saved(Run(run))[0] >= 2 for run in runs))
        (process,) = processes_of(folder)
        os.kill(process, signal.SIGSTOP)
        saved.update({run.name: epochs_saved(Run(run))[0] for run in runs})
        os.kill(process, signal.SIGKILL)

    killer = Thread(target=kill)
    killer.start()
    console = Console(file=StringIO(), width=200)
    resume_sweep(folder, cluster, console)
    killer.join()
    assert all(2 <= epoch < 12 for epoch in saved.values()), "killed too late to show anything"

    every = study_of(folder).every()
    assert sorted((trial.run, trial.attempt, trial.state) for trial in every) == [
        ("000_beta1", 1, State.KILLED), ("000_beta1", 2, State.COMPLETE),
        ("001_beta2", 1, State.KILLED), ("001_beta2", 2, State.COMPLETE),
    ]  # fmt: skip
    for run in runs:
        epochs = [row["epoch"] for row in Run(run).metrics() if row["split"] == "valid"]
        assert epochs == list(range(1, 13))
    alone = train(Run(runs[0]).experiment, tmp_path / "alone").run
    torch.testing.assert_close(
        read_tensors(Run(runs[0]).resume_path)[0], read_tensors(alone.resume_path)[0], rtol=1e-6,
        atol=1e-8,
    )  # fmt: skip
    said = console.file.getvalue()
    assert "ended too early; another goes on with its trials" in said
    assert said.count("done") == 2
    assert "best: beta" in said
    for name in ("rate_distortion", "parallel", "strip"):
        assert (folder / f"{name}.png").is_file()
    log = (folder / "workers" / f"{every[-1].worker}.log").read_text().splitlines()
    begun = [line for line in log if line.startswith("epoch")]
    assert begun[0].split()[1] == f"{min(saved.values()) + 1}/12"


@pytest.mark.slow
def test_ctrl_c_saves_every_trial_and_another_engine_goes_on(sweep: Start, cluster: Engine) -> None:
    folder = sweep("objective.beta=1,2", "training.epochs=3000")
    runs = [folder / trial.run for trial in trials_of(folder)]

    def stop() -> None:
        wait_for(lambda: all(Run.exists(run) and epochs_saved(Run(run))[0] >= 2 for run in runs))
        os.kill(os.getpid(), signal.SIGINT)

    stopper = Thread(target=stop)
    stopper.start()
    assert resume_sweep(folder, cluster, QUIET) == signal.SIGINT
    stopper.join()
    trials = trials_of(folder)
    assert {(trial.state, trial.attempt) for trial in trials} == {(State.WAITING, 1)}
    epochs = max(epochs_saved(Run(run))[0] for run in runs)
    assert 2 <= epochs < 3000
    plan = folder / "sweep.yaml"  # shorter, so that the test ends
    plan.write_text(plan.read_text().replace("3000", f"{epochs + 2}"))
    resume_sweep(folder, partial(train_here, workers=1), QUIET)
    assert {trial.state for trial in trials_of(folder)} == {State.COMPLETE}


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_ends_the_sweep_with_the_reason(
    sweep: Start, monkeypatch: pytest.MonkeyPatch, cluster: Engine
) -> None:
    folder = sweep("objective.beta=1,2")
    (folder / "workers" / "me.log").mkdir(parents=True)
    assert "me.log" in work(folder, "me", 1)
    monkeypatch.setattr("vaelab.sweep.engine.worker_name", lambda: "me")
    with pytest.raises(BadValueError, match=r"me\.log"):
        cluster(task_of(folder))


def test_a_worker_of_ray_trains_until_nothing_is_left(sweep: Start) -> None:
    folder = sweep("objective.beta=1,2")
    assert work(folder, "me", 1) == ""
    assert {trial.state for trial in trials_of(folder)} == {State.COMPLETE}


def test_as_many_workers_as_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = [{"CPU": 8.0, "GPU": 2.0}, {"CPU": 3.0, "GPU": 1.0}, {"CPU": 64.0}]
    monkeypatch.setattr("vaelab.sweep.ray_engine._nodes", lambda: nodes)
    assert [
        room(wanted_by_each(cpus, gpus))
        for cpus, gpus in ((1, 1.0), (1, 0.5), (2, 0.25), (4, 0.0), (1, None), (99, 0.0))
    ] == [3, 6, 5, 18, 3, 1]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:9", "no Ray cluster answers at --address 127.0.0.1:9"),
        ("nonsense", "is no address of a Ray cluster; write HOST:PORT"),
        ("ray://127.0.0.1:10001", "start the sweep on a node of the cluster"),
        ("auto", "no Ray cluster can be joined at --address auto"),
    ],
)
def test_a_cluster_that_is_not_there_is_told_and_no_folder_made(
    vaelab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, said: str
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    words = ("--engine", "ray", "--address", address, "--runs", tmp_path)
    answer = vaelab("sweep", "run", "digits", "objective.beta=1,2", *words)
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert said in answer.err
    assert not list(tmp_path.iterdir())


def test_parts_of_several_gpus_are_refused() -> None:
    for gpus in (1.5, float("nan"), float("inf")):
        with pytest.raises(BadValueError, match=r"--gpus .* a part below 1"):
            choose("ray", None, None, None, gpus)
    choose("ray", None, None, None, 0.25)
