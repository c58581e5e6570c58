"""Looks at trials while they train: whether they are still ours, and worth going on with."""

from collections.abc import Sequence
from time import monotonic
from typing import Any

from optuna.pruners import BasePruner, MedianPruner, SuccessiveHalvingPruner

from vaelab.sweep.plan import Sweep
from vaelab.sweep.study import Study
from vaelab.sweep.trial import Trial
from vaelab.training.interrupt import Interrupt
from vaelab.training.loop import Loop

LOOK = 5.0
"""Seconds between looks into the journal."""
RUNGS = 10
"""Times in a training that a trial may be pruned."""
FIRST = 0.2
"""Part of a training before which none is pruned: the slow begin badly."""
FINISHED_FIRST = 4
"""Trials that have to be complete before any is worse than their median."""
HALVING = 2
"""Of the trials that reached a rung one in so many goes on; rungs lie so many times apart."""


class LostError(Exception):
    """Others took this worker for dead and have its trials; `held` are the runs it still has."""

    def __init__(self, held: set[str]) -> None:
        super().__init__("this worker was taken for dead, and others go on with its trials")
        self.held = held


class Warden:
    """Watches the trials that a worker trains together.

    Args:
        study: the journal.
        sweep: whether to prune.
        trials: in the order of the loop's members.
        worker: that trains them.
        interrupt: a person's wish to stop, from before the training.
        halving: whether to prune by asynchronous successive halving, else by the median.

    Attributes:
        pruned: those that are not worth going on with; training stops where there are some.
    """

    def __init__(
        self,
        study: Study,
        sweep: Sweep,
        trials: Sequence[Trial],
        worker: str,
        interrupt: Interrupt,
        halving: bool = False,
    ) -> None:
        self._study, self._prune, self._worker = study, sweep.prune, worker
        self._interrupt, self._halving = interrupt, halving
        self._trials = {trial.run: trial for trial in trials}
        self._looked = monotonic()
        self.pruned: list[Trial] = []

    def begin(self, loop: Loop) -> None:
        """Nothing to do."""

    def before_step(self, loop: Loop) -> str | None:
        """Stop where trials are to be pruned.

        Raises:
            LostError: others go on with a trial; nothing more may be written.
        """
        if monotonic() - self._looked > LOOK:
            self._looked = monotonic()
            held = self._study.held(self._worker)
            if not held.issuperset(self._trials):
                raise LostError(held)
        if self._interrupt.requested:
            return "stopped as you asked"
        return "stopped to go on without the worst" if self.pruned else None

    def after_step(self, loop: Loop) -> None:
        """Report at the end of some epochs."""
        progress, epochs = loop.progress, loop.config.epochs
        rung = max(1, epochs // RUNGS)
        ended = progress.batch == 0 and progress.epoch % rung == 0
        if not self._prune or not ended or not FIRST * epochs <= progress.epoch < epochs:
            return
        pruner = self._pruner(epochs)
        for member in loop.members:
            trial = self._trials[member.experiment.task_name]
            best = member.progress.best_elbo
            if best is not None and self._study.report(trial, progress.epoch, best, pruner):
                self.pruned.append(trial)

    def kept(self, loop: Loop, entry: dict[str, Any]) -> None:
        """Nothing to do."""

    def end(self, loop: Loop, stopped: str | None) -> None:
        """Nothing to do."""

    def _pruner(self, epochs: int) -> BasePruner:
        """The rule that stops trials.

        Successive halving needs no finished trial: at each rung it compares with those that have
        reached it by then ("A System for Massively Parallel Hyperparameter Tuning" (Li et al.,
        2020), algorithm 2, arXiv 1810.05934).
        """
        if not self._halving:
            return MedianPruner(n_startup_trials=FINISHED_FIRST)
        first = max(1, round(FIRST * epochs))
        return SuccessiveHalvingPruner(min_resource=first, reduction_factor=HALVING)
