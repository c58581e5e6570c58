"""Looks at trials while they train: whether they are still ours, and worth going on with."""

from collections.abc import Sequence
from time import monotonic
from typing import Any

from vaelab.sweep.plan import Sweep
from vaelab.sweep.study import Study
from vaelab.sweep.trial import Trial
from vaelab.training.interrupt import Interrupt
from vaelab.training.loop import Loop

LOOK = 5.0
"""Seconds between looks into the journal."""
FIRST = 0.2
"""Part of a training before which none is pruned: the slow begin badly."""


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
    ) -> None:
        self._study, self._prune, self._worker = study, sweep.prune, worker
        self._interrupt = interrupt
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
        """Halve at the end of some epochs.

        At each rung a trial is compared with all that have come as far by then, none of which needs
        to have ended: "A System for Massively Parallel Hyperparameter Tuning" (Li et al., 2020),
        algorithm 2, arXiv 1810.05934. Those that come there together are judged together.
        """
        progress = loop.progress
        if not self._prune or progress.batch or progress.epoch not in rungs(loop.config.epochs):
            return
        for member in loop.members:
            best = member.progress.best_elbo
            if best is not None:
                trial = self._trials[member.experiment.task_name]
                self._study.report(trial, progress.epoch, best)
        worse = self._study.worse_half(progress.epoch)
        names = [member.experiment.task_name for member in loop.members]
        self.pruned += [self._trials[name] for name in names if name in worse]

    def kept(self, loop: Loop, entry: dict[str, Any]) -> None:
        """Nothing to do."""

    def end(self, loop: Loop, stopped: str | None) -> None:
        """Nothing to do."""


def rungs(epochs: int) -> list[int]:
    """The epochs after which trials are halved: a fifth of all, and each twice the one before."""
    rung = max(1, round(FIRST * epochs))
    found = []
    while rung < epochs:
        found.append(rung)
        rung *= 2
    return found
