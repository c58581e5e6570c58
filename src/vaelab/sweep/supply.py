"""Which trials there are: the grid's, or those that a sampler proposes."""

from collections.abc import Sequence
from random import Random

import optuna

from vaelab.sweep.plan import Sweep
from vaelab.sweep.space import Key, key_of
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
    _repeat(study, space.seeds)
    left = (sweep.trials - len(study.trials())) // space.repeats
    seed = len(study.every())  # goes on where another process left
    if sweep.search == "random":
        study.draw(Random(seed), left)
    elif left > 0 and not any(trial.state is State.WAITING for trial in trials):
        wanted = min(TOGETHER, left)
        found = study.propose(optuna.samplers.TPESampler(seed=seed), wanted)
        study.draw(Random(seed), wanted - found)
    _repeat(study, space.seeds)


def over(study: Study, sweep: Sweep) -> bool:
    """Whether all trials have ended."""
    trials = study.trials()
    going = any(trial.state in GOING for trial in trials)
    return len(trials) >= sweep.trials and not going


def _repeat(study: Study, seeds: Sequence[int]) -> None:
    """Give every setting all the seeds."""
    settings: dict[Key, list[Trial]] = {}
    for trial in study.trials():
        settings.setdefault(key_of(trial.setting), []).append(trial)
    for those in settings.values():
        trained = [trial.seed for trial in those]
        for seed in seeds:
            if seed not in trained:
                study.add(those[0].setting, seed)
