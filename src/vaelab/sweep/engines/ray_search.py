"""The sweep's journal, as the search that Ray Tune asks for trials and tells how they end."""

from time import monotonic
from typing import Any

from ray.tune import Callback, Stopper
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.search import Searcher

from vaelab.sweep.engines.engine import REFRESH, Task
from vaelab.sweep.heart import Watch
from vaelab.sweep.reap import reap
from vaelab.sweep.supply import fill
from vaelab.sweep.trial import State, Trial

ASK = 1.0
"""Seconds between looks for work while there is none."""


class JournalSearch(Searcher):
    """Claims trials for Ray Tune.

    Args:
        task: the sweep.
        worker: the name they are claimed by.
        most: how many at once, if that is limited.
    """

    def __init__(self, task: Task, worker: str, most: int | None) -> None:
        super().__init__()
        self._task, self._worker, self._most = task, worker, most
        self._watch = Watch(task.folder)
        self._runs: dict[str, str] = {}
        self._asked = 0.0

    def suggest(  # type: ignore[override]
        self, trial_id: str
    ) -> dict[str, str] | str | None:
        """The next trial; None for not now."""
        if self._task.interrupt.requested or self._task.over:
            return str(Searcher.FINISHED)
        if monotonic() - self._asked < ASK or len(self._runs) == self._most:
            return None
        with self._task.study.alone():
            reap(self._task.study, self._watch, self._watch.living())
            fill(self._task.study, self._task.sweep)
            trials = self._task.study.trials()
            claimed = [trial for trial in trials if trial.state is State.WAITING][:1]
            self._task.study.claim(claimed, self._worker)
        if not claimed:
            self._asked = monotonic()
            return None
        self._runs[trial_id] = claimed[0].run
        folder = str(self._task.folder.resolve())
        return {"folder": folder, "run": claimed[0].run, "worker": self._worker}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """It has noted its end itself, unless its process was killed too often for Ray."""
        if error:
            self.lost(trial_id)
        del self._runs[trial_id]

    def lost(self, trial_id: str) -> str:
        """Its process was killed, and Ray starts another; its run."""
        study, run = self._task.study, self._runs[trial_id]
        with study.alone():
            for trial in self._mine(run):
                study.retry(trial)
            again = [t for t in study.trials() if t.run == run and t.state is State.WAITING]
            study.claim(again, self._worker)
        return run

    def give_back(self) -> None:
        """What is still claimed waits for whoever goes on with the sweep."""
        self._task.study.give_back(self._mine())

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the journal is what there is to know."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing either."""

    def _mine(self, run: str | None = None) -> list[Trial]:
        held = self._task.study.held(self._worker)
        return [t for t in self._task.study.trials() if t.run in held and run in (None, t.run)]


class Onlooker(Callback, Stopper):
    """Shows how the trials get on, and passes on what Ray Tune and a person have to say.

    Args:
        task: the sweep.
        search: its journal.

    Attributes:
        wrong: why nothing can be trained, if that is so.
    """

    def __init__(self, task: Task, search: JournalSearch) -> None:
        self._task, self._search = task, search
        self._shown = 0.0
        self.wrong = ""

    def on_step_end(self, iteration: int, trials: list[TuneTrial], **info: Any) -> None:
        """Ray Tune has looked at its trials, ten times a second."""
        if monotonic() - self._shown > REFRESH:
            self._shown = monotonic()
            self._task.board.show(self._task.study.trials())

    def on_trial_result(
        self,
        iteration: int,
        trials: list[TuneTrial],
        trial: TuneTrial,
        result: dict[str, Any],
        **info: Any,
    ) -> None:
        """A trial has told something."""
        self.wrong = self.wrong or result.get("wrong", "")

    def on_trial_recover(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any
    ) -> None:
        """A trial's process was killed."""
        run = self._search.lost(trial.trial_id)
        self._task.board.say(f"the process of {run} was killed; another goes on with it")

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Trials stop by themselves."""
        return False

    def stop_all(self) -> bool:
        """Whether everything is to stop: every trial finishes its step and saves."""
        return bool(self._task.interrupt.requested or self.wrong)

    def __getstate__(self) -> dict[str, object]:
        """Nothing to keep in the file that Ray Tune writes to be restored from."""
        return {}
