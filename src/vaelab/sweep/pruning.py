"""Stopping trials early: asynchronous successive halving.

Optuna's `SuccessiveHalvingPruner` judges in the order of arrival, so that of trials trained
together the first always passed; here those that come to an epoch together are judged together.
"""

from collections.abc import Mapping, Sequence

from vaelab.sweep.study import Study, Trial
from vaelab.training import Callback, Training
from vaelab.training.interrupt import Interrupt

WARMUP_FRACTION = 0.2
"""Part of a training before which none is pruned: the slow begin badly."""


class PruningCallback(Callback):
    """Reports the trials that a worker trains together, and stops it where some are `pruned`."""

    def __init__(
        self, study: Study, trials: Sequence[Trial], prune: bool, interrupt: Interrupt
    ) -> None:
        self._study, self._prune, self._interrupt = study, prune, interrupt
        self._trials = {trial.run: trial for trial in trials}
        self._running: set[str] = set()
        self._best: dict[str, float | None] = {}
        self.pruned: list[Trial] = []

    def on_start(self, training: Training) -> None:
        self._running.add(training.experiment.task_name)

    def on_stop(self, training: Training) -> None:
        self._running.discard(training.experiment.task_name)

    def before_step(self, training: Training) -> None:
        if self._interrupt.requested:
            training.stop("stopped as you asked")

    def on_epoch(self, training: Training) -> None:
        """Judge once all that are trained together have come as far."""
        self._best[training.experiment.task_name] = training.progress.best_elbo
        if self._best.keys() >= self._running:
            self.judge(training.progress.epoch, training.config.epochs, self._best)
            self._best = {}
            if self.pruned:
                training.stop("stopped to go on without the worst")

    def judge(self, epoch: int, epochs: int, best: Mapping[str, float | None]) -> None:
        """At a rung, report the `best` ELBO of each run by the end of this epoch, and prune.

        Those go on that are in the better half, rounded up, of all that came as far, of which none
        needs to have ended: "A System for Massively Parallel Hyperparameter Tuning" (Li et al.,
        2020), algorithm 2, arXiv 1810.05934.
        """
        if not self._prune or epoch not in rungs(epochs):
            return
        reported = {run: elbo for run, elbo in best.items() if elbo is not None}
        for run, elbo in reported.items():
            self._study.report(self._trials[run], epoch, elbo)
        every = sorted(self._study.reported(epoch), reverse=True)
        least = every[(len(every) - 1) // 2]
        self.pruned += [self._trials[run] for run, elbo in reported.items() if elbo < least]


def rungs(epochs: int) -> list[int]:
    """The epochs after which trials are halved: a fifth of all, and each twice the one before."""
    rung = max(1, round(WARMUP_FRACTION * epochs))
    found = []
    while rung < epochs:
        found.append(rung)
        rung *= 2
    return found
