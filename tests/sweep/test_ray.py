"""Sweeps on a local Ray."""

import os
import signal
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch
from ray.tune.experiment import Trial as TuneTrial

from tests.sweep.conftest import Begin, trials_of, wait_for
from vaelab.console import Console
from vaelab.errors import BadValueError
from vaelab.run import Run
from vaelab.sweep import go_on
from vaelab.sweep.board import Board
from vaelab.sweep.engines import choose
from vaelab.sweep.engines.engine import Task
from vaelab.sweep.engines.local import Local
from vaelab.sweep.engines.ray_engine import Ray
from vaelab.sweep.engines.ray_search import JournalSearch, Onlooker
from vaelab.sweep.engines.ray_trial import RayTrial
from vaelab.sweep.heart import Heart
from vaelab.sweep.plan import Sweep
from vaelab.sweep.progress import reached
from vaelab.sweep.study import Study
from vaelab.sweep.trial import State
from vaelab.tensorfile import read_tensors
from vaelab.training import train
from vaelab.training.interrupt import Interrupt

EXACT = ("training.precision=float64", "training.threads=1", "training.batch_size=16")


def process_of(run: Path) -> int | None:
    """The one that has the trial's log open."""
    log = run.parent / "workers" / f"{run.name}.log"
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if link.readlink() == log:
                return int(link.parts[2])
        except OSError:
            continue
    return None


@pytest.fixture(scope="module")
def two_cores() -> Iterator[Ray]:
    with Ray() as engine:
        yield engine


@pytest.mark.slow
def test_a_killed_trial_is_retried_and_ends_as_if_it_had_not_been(
    sweep: Begin, tmp_path: Path, two_cores: Ray
) -> None:
    folder = sweep("objective.beta=1,2", "training.epochs=12", *EXACT)
    run = folder / trials_of(folder)[0].run
    saved: list[int] = []

    def kill() -> None:
        wait_for(lambda: Run.exists(run) and reached(Run(run)).epoch >= 2)
        process = process_of(run)
        assert process is not None
        os.kill(process, signal.SIGSTOP)
        saved.append(reached(Run(run)).epoch)
        os.kill(process, signal.SIGKILL)

    killer = Thread(target=kill)
    killer.start()
    console = Console(file=StringIO(), width=200)
    go_on(folder, two_cores, console)
    killer.join()
    assert 2 <= saved[0] < 12, "killed too late to show anything"

    every = Study(folder, Sweep.load(folder).space).every()
    assert sorted((trial.run, trial.attempt, trial.state) for trial in every) == [
        ("000_beta1", 1, State.KILLED), ("000_beta1", 2, State.COMPLETE),
        ("001_beta2", 1, State.COMPLETE),
    ]  # fmt: skip
    epochs = [row["epoch"] for row in Run(run).metrics() if row["split"] == "valid"]
    assert epochs == list(range(1, 13))
    alone = train(Run(run).experiment, tmp_path / "alone").run
    torch.testing.assert_close(
        read_tensors(Run(run).resume_path)[0], read_tensors(alone.resume_path)[0], rtol=1e-9,
        atol=1e-12,
    )  # fmt: skip
    said = console.file.getvalue()
    assert "the process of 000_beta1 was killed; another goes on with it" in said
    assert said.count("done") == 2
    assert "best: beta" in said
    for name in ("rate_distortion", "parallel", "strip"):
        assert (folder / f"{name}.png").is_file()
    log = (folder / "workers" / "000_beta1.log").read_text().splitlines()
    begun = [line for line in log if line.startswith("epoch")]
    assert any(line.split()[1] == f"{saved[0] + 1}/12" for line in begun)


@pytest.mark.slow
def test_ctrl_c_saves_every_trial_and_another_engine_goes_on(sweep: Begin, two_cores: Ray) -> None:
    folder = sweep("objective.beta=1,2,3", "training.epochs=3000")
    runs = [folder / trial.run for trial in trials_of(folder)]

    def stop() -> None:
        wait_for(lambda: any(Run.exists(run) and reached(Run(run)).epoch >= 2 for run in runs))
        os.kill(os.getpid(), signal.SIGINT)

    stopper = Thread(target=stop)
    stopper.start()
    go_on(folder, two_cores, Console(quiet=True))
    stopper.join()
    trials = trials_of(folder)
    assert {(trial.state, trial.attempt) for trial in trials} == {(State.WAITING, 1)}
    epochs = max(reached(Run(run)).epoch for run in runs if Run.exists(run))
    assert 2 <= epochs < 3000
    plan = folder / "sweep.yaml"  # shorter, so that the test ends
    plan.write_text(plan.read_text().replace("3000", f"{epochs + 2}"))
    go_on(folder, Local(1), Console(quiet=True))
    assert {trial.state for trial in trials_of(folder)} == {State.COMPLETE}


def test_a_folder_that_cannot_be_written_ends_the_sweep_with_the_reason(sweep: Begin) -> None:
    folder = sweep("objective.beta=1,2")
    (folder / "workers" / "000_beta1.log").mkdir(parents=True)
    trial = RayTrial({"folder": str(folder), "run": "000_beta1", "worker": "me"})
    told = trial.train()
    trial.stop()
    assert told["done"]
    assert "000_beta1.log" in told["wrong"]
    plan = Sweep.load(folder)
    study, console = Study(folder, plan.space), Console(quiet=True)
    task = Task(folder, plan, study, Board(folder, plan, console), Interrupt())
    onlooker = Onlooker(task, JournalSearch(task, "me", None))
    assert not onlooker.stop_all()
    onlooker.on_trial_result(1, [], TuneTrial("RayTrial", stub=True), told)
    assert onlooker.stop_all()
    assert onlooker.wrong == told["wrong"]


def test_the_journal_is_asked_for_no_more_trials_than_are_wanted_at_once(sweep: Begin) -> None:
    folder = sweep("objective.beta=1,2,3")
    plan = Sweep.load(folder)
    study, interrupt = Study(folder, plan.space), Interrupt()
    task = Task(folder, plan, study, Board(folder, plan, Console(quiet=True)), interrupt)
    search = JournalSearch(task, "me", 2)
    with Heart(folder, "me"):
        asked = [search.suggest(name) for name in ("a", "b", "c")]
        assert [one and one["run"] for one in asked] == ["000_beta1", "001_beta2", None]  # type: ignore[index]
        first, _, _ = study.trials()
        study.complete(first, -1.0, {"distortion": 0.5, "rate": 0.5, "epoch": 12.0})
        search.on_trial_complete("a")
        search.lost("b")
        assert study.trials()[1].attempt == 2
        assert study.trials()[1].state is State.RUNNING
        for _ in range(2):
            search.lost("b")
        search.on_trial_complete("b", error=True)
        assert study.trials()[1].state is State.FAILED
        assert search.suggest("c")["run"] == "002_beta3"  # type: ignore[index,call-overload]
        interrupt.requested = True
        assert search.suggest("d") == search.FINISHED
        search.give_back()
        assert study.trials()[2].state is State.WAITING


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
            choose("ray", None, None, None, gpus, [])
    assert isinstance(choose("ray", None, None, None, 0.25, []), Ray)


def test_ray_that_is_not_installed_is_told(
    vaelab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "vaelab.sweep.engines.ray_engine", raising=False)
    words = ("--engine", "ray", "--runs", tmp_path)
    answer = vaelab("sweep", "run", "digits", "objective.beta=1,2", *words)
    assert answer.code == 2
    assert "pip install 'vaelab[ray]'" in answer.err
    assert answer.err.count("\n") == 1
