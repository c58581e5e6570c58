"""Which trials there are: the grid's, or those that a sampler proposes."""

from collections import Counter
from typing import Any

import optuna

from vaelab.sweep.plan import Sweep
from vaelab.sweep.space import key_of
from vaelab.sweep.study import Study
from vaelab.sweep.trial import GOING, State, Trial

TOGETHER = 4
"""Settings that TPE proposes at once, so that they can be trained together."""


def fill(study: Study, sweep: Sweep) -> None:
    """Make the trials that can be made by now; to be called alone.

    What a process that was killed has begun to make is finished first.
    """
    space, trials = sweep.space, study.trials()
    if sweep.search == "grid":
        seeds = space.seeds or (None,)
        points = [(setting, seed) for setting in space.grid() for seed in seeds]
        for setting, seed in points[len(trials) :]:
            study.add(setting, seed)
        return
    settings = _repeat(study, sweep)
    left = sweep.trials // space.repeats - settings
    seed = len(study.every())  # goes on where another process left
    if sweep.search == "random" and left > 0:
        study.propose(optuna.samplers.RandomSampler(seed=seed), left)
        _repeat(study, sweep)
    elif left > 0 and not any(trial.state is State.WAITING for trial in trials):
        study.propose(optuna.samplers.TPESampler(seed=seed), min(TOGETHER, left))
        _repeat(study, sweep)


def over(study: Study, sweep: Sweep) -> bool:
    """Whether all trials have ended."""
    trials = study.trials()
    going = any(trial.state in GOING for trial in trials)
    return len(trials) >= sweep.trials and not going


def _repeat(study: Study, sweep: Sweep) -> int:
    """Give every setting all the seeds; the number of settings."""
    settings: dict[Any, list[Trial]] = {}
    for trial in study.trials():
        settings.setdefault(key_of(trial.setting), []).append(trial)
    total = 0
    for those in settings.values():
        counted = Counter(trial.seed for trial in those)
        times = max(counted.values())
        total += times
        for seed in sweep.space.seeds:
            for _ in range(times - counted[seed]):
                study.add(those[0].setting, seed)
    return total
