"""Workers that die are replaced, until a trial is to blame or nothing can be done."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.sweep.conftest import QUIET, Begin, trials_of
from vaelab.errors import BadValueError
from vaelab.sweep.board import Board
from vaelab.sweep.engines.crew import Crew, attend, last_line
from vaelab.sweep.engines.engine import Task
from vaelab.sweep.plan import Sweep
from vaelab.sweep.study import ATTEMPTS, Study
from vaelab.sweep.trial import State
from vaelab.training.interrupt import Interrupt


class Deadly(Crew):
    """Workers that die of the first trial and train any other; or of whatever they meet."""

    def __init__(self, study: Study, of_all: bool) -> None:
        super().__init__(workers=1)
        self.study, self.of_all, self.started = study, of_all, 0
        self.living: list[str] = []
        self.start()

    @property
    def names(self) -> Sequence[str]:
        return self.living

    def start(self) -> None:
        self.started += 1
        self.living.append(f"worker{self.started}")

    def exit_code(self, name: str) -> int:
        self.living.remove(name)
        if self.of_all:
            return 1
        trials = [trial for trial in self.study.trials() if trial.state is State.WAITING]
        for trial in trials:
            self.study.claim([trial], name)
            if trial.run.startswith("000"):
                return 1
            self.study.complete(trial, 1.0, {"distortion": 1.0, "rate": 1.0, "epoch": 1})
        return 0

    def last_words(self, name: str) -> str:
        return f"the last line of {name}"


def task_of(folder: Path) -> Task:
    plan = Sweep.load(folder)
    study = Study(folder, plan.space)
    return Task(folder, plan, study, Board(folder, plan, QUIET), Interrupt())


def test_a_trial_that_kills_the_only_worker_fails_and_the_others_are_trained(
    sweep: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vaelab.sweep.engines.crew.REFRESH", 0)
    folder = sweep("objective.beta=1,2")
    task = task_of(folder)
    attend(Deadly(task.study, of_all=False), task)
    assert [trial.state for trial in trials_of(folder)] == [State.FAILED, State.COMPLETE]
    assert f"{ATTEMPTS - 1} attempts before" in trials_of(folder)[0].reason


def test_workers_that_die_before_they_claim_anything_end_the_sweep(
    sweep: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vaelab.sweep.engines.crew.REFRESH", 0)
    task = task_of(sweep("objective.beta=1,2"))
    with pytest.raises(BadValueError, match=r"one worker after the other dies; the last: the last"):
        attend(Deadly(task.study, of_all=True), task)


def test_the_last_line_of_a_log_is_a_whole_one() -> None:
    assert last_line("Traceback\n  " + 500 * "x" + "\nMemoryError: no\n\n") == "MemoryError: no"
    assert last_line("\n") == "it said nothing"
