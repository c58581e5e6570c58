"""Which trials are trained together as one batched model."""

from collections.abc import Sequence

from vaelab.errors import UserError
from vaelab.sweep.plan import Sweep
from vaelab.sweep.trial import Trial
from vaelab.training import check_alike

LARGEST = 16
"""Trials in one batched model; more gain little and need memory."""


def alike(trials: Sequence[Trial], sweep: Sweep) -> list[Trial]:
    """The first trial and those that differ from it in seed, beta or learning rate alone."""
    if not trials:
        return []
    try:
        first = sweep.experiment(trials[0].run, trials[0].setting, trials[0].seed)
    except UserError:  # the one who trains it says so
        return [trials[0]]
    chosen = [trials[0]]
    for trial in trials[1:]:
        try:
            other = sweep.experiment(trial.run, trial.setting, trial.seed)
            check_alike([first, other])
        except UserError:
            continue
        chosen.append(trial)
    return chosen


def share(alike: int, workers: int) -> int:
    """How many of so many trials one of the workers takes."""
    return min(LARGEST, -(-alike // max(1, workers)))
