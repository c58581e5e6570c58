"""Workers that die are replaced, until a trial is to blame or nothing can be done."""

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Thread

import pytest
import torch

from tests.sweep.conftest import QUIET, Start, study_of, task_of, trials_of, wait_for
from vaelab.errors import BadValueError
from vaelab.runs.run import Run
from vaelab.sweep import engine, resume_sweep
from vaelab.sweep.engine import Process, WorkerPool, start_worker, train_here
from vaelab.sweep.liveness import log_path
from vaelab.sweep.progress_table import epochs_saved
from vaelab.sweep.study import MAX_ATTEMPTS, State, Study
from vaelab.tensorfile import read_tensors
from vaelab.training import train


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "REFRESH_SECONDS", 0.0)


class Fake:
    """A worker's process that has ended, or is asked to."""

    def __init__(self, code: int | None) -> None:
        self.code, self.asked = code, False

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        self.asked, self.code = True, 0

    def wait(self) -> int:
        assert self.code is not None, "it would wait for ever"
        return self.code


def deadly(study: Study, name: str) -> int:
    """The code of a worker that dies of the first trial and trains any other."""
    study.retry_lost({name})
    for trial in study.waiting():
        study.claim([trial], name)
        if trial.run.startswith("000"):
            return -9
        study.complete(trial, 1.0, {"distortion": 1.0, "rate": 1.0, "epoch": 1})
    return 0


def test_a_trial_that_kills_the_only_worker_fails_and_the_others_are_trained(sweep: Start) -> None:
    folder = sweep("objective.beta=1,2")
    task = task_of(folder)
    WorkerPool(task, 1, lambda _, name, count: Fake(deadly(task.study, name))).train()
    assert [trial.state for trial in trials_of(folder)] == [State.FAILED, State.COMPLETE]
    assert f"{MAX_ATTEMPTS - 1} attempts before" in trials_of(folder)[0].reason


def test_workers_that_die_before_they_claim_anything_end_the_sweep(sweep: Start) -> None:
    def start(folder: Path, name: str, workers: int) -> Process:
        path = log_path(folder, name)
        path.parent.mkdir(exist_ok=True)
        path.write_text("Traceback\n  " + 500 * "x" + "\nMemoryError: no\n\n")
        return Fake(1)

    workers = WorkerPool(task_of(sweep("objective.beta=1,2")), 1, start)
    with pytest.raises(BadValueError, match=r"dies; the last: MemoryError: no \(its log: .*\.log"):
        workers.train()


def test_a_worker_that_says_what_is_wrong_ends_the_sweep_with_that(sweep: Start) -> None:
    codes: Iterator[int | None] = iter([2, None])
    fakes: list[Fake] = []

    def start(folder: Path, name: str, workers: int) -> Process:
        fakes.append(Fake(next(codes)))
        return fakes[-1]

    workers = WorkerPool(task_of(sweep("objective.beta=1,2")), 2, start)
    with pytest.raises(BadValueError, match="it said nothing"):
        workers.train()
    assert [fake.asked for fake in fakes] == [False, True]  # the other saves and stops


def test_workers_are_asked_to_save_when_the_user_stops(sweep: Start) -> None:
    task = task_of(sweep("objective.beta=1,2"))
    fakes = [Fake(None), Fake(None)]
    waiting = iter(fakes)
    workers = WorkerPool(task, 2, lambda *_: next(waiting))
    task.interrupt.requested = True
    workers.train()
    assert all(fake.asked for fake in fakes)


@pytest.mark.slow
def test_a_killed_worker_loses_what_it_has_not_saved_at_most(
    sweep: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (
        "objective.beta=1,2", "training.epochs=8", "training.batch_size=16",
        "training.precision=float64", "training.threads=1", "training.save_minutes=1e-9",
    )  # fmt: skip
    folder = sweep(*words)
    runs = [folder / trial.run for trial in trials_of(folder)]
    started: list[int] = []
    saved: dict[str, int] = {}

    def start(folder: Path, name: str, workers: int) -> Process:
        process = start_worker(folder, name, workers)
        started.append(process.pid)  # type: ignore[attr-defined]
        return process

    monkeypatch.setattr(engine, "REFRESH_SECONDS", 0.2)
    monkeypatch.setattr(engine, "start_worker", start)

    def kill() -> None:
        wait_for(lambda: all(Run.exists(run) and epochs_saved(Run(run))[0] >= 2 for run in runs))
        os.kill(started[0], signal.SIGSTOP)
        saved.update({run.name: epochs_saved(Run(run))[0] for run in runs})
        os.kill(started[0], signal.SIGKILL)

    killer = Thread(target=kill)
    killer.start()
    resume_sweep(folder, partial(train_here, workers=1), QUIET)
    killer.join()
    assert set(saved) == {run.name for run in runs}
    assert all(2 <= epoch < 8 for epoch in saved.values()), f"killed at {saved}: shows nothing"

    every = study_of(folder).every()
    assert [trial.state for trial in every] == [State.KILLED] * 2 + [State.COMPLETE] * 2
    assert {trial.attempt for trial in every[2:]} == {2}
    log = log_path(folder, every[-1].worker).read_text().splitlines()
    epochs = [line for line in log if line.startswith("epoch")]
    assert int(epochs[0].split()[1].split("/")[0]) == min(saved.values()) + 1
    for trial in every[2:]:
        rows = Run(folder / trial.run).metrics()
        assert [row["epoch"] for row in rows if row["split"] == "valid"] == list(range(1, 9))
    run = Run(folder / every[-1].run)
    alone = train(run.experiment, tmp_path / "alone").run
    torch.testing.assert_close(
        read_tensors(run.resume_path)[0], read_tensors(alone.resume_path)[0], rtol=1e-6, atol=1e-8
    )
