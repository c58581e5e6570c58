"""Which trials there are: the grid's, or those that are drawn or that a sampler proposes."""

from random import Random

import optuna
from optuna.trial import TrialState

from vaelab.sweep.space import Setting, key_of
from vaelab.sweep.study import State, Study, Trial

TPE_SETTINGS = 4
"""That TPE proposes at once, so that they can be trained together."""
MAX_DRAWS = 5
"""Times that TPE may propose for each setting that is wanted."""


def propose_trials(study: Study) -> None:
    """Make the trials that can be made by now; under the study's lock.

    What a process that was killed has begun to make is finished first.
    """
    sweep, space = study.sweep, study.space
    if sweep.search == "grid":
        points = [(setting, seed) for setting in space.grid() for seed in space.seeds]
        for setting, seed in points[len(study.trials()) :]:
            study.add(setting, seed)
        return
    _add_seeds(study)
    left = (sweep.trials - len(study.trials())) // space.repeats
    seed = len(study.every())  # goes on where another process left
    if sweep.search == "random":
        _draw(study, Random(seed), left)
    elif left > 0 and not study.waiting():
        wanted = min(TPE_SETTINGS, left)
        found = _ask(study, optuna.samplers.TPESampler(seed=seed), wanted)
        _draw(study, Random(seed), wanted - found)
    _add_seeds(study)


def _add_seeds(study: Study) -> None:
    settings: dict[object, list[Trial]] = {}
    for trial in study.trials():
        settings.setdefault(key_of(trial.setting), []).append(trial)
    for trials in settings.values():
        for seed in study.space.seeds:
            if seed not in [trial.seed for trial in trials]:
                study.add(trials[0].setting, seed)


def _draw(study: Study, random: Random, count: int) -> None:
    """Add new settings drawn at random, with the first of the seeds."""
    known = {key_of(trial.setting) for trial in study.trials()}
    for _ in range(count):
        setting = study.space.draw(random, known)
        known.add(key_of(setting))
        study.add(setting, study.space.seeds[0])


def _ask(study: Study, sampler: optuna.samplers.BaseSampler, count: int) -> int:
    """Add new settings of a sampler's, with the first of the seeds.

    None may wait, for Optuna would give that one. While they are drawn they count as running, so
    that the sampler proposes different ones. Given is how many; fewer where it proposes again and
    again what is there already.
    """
    of_sampler = study.load(sampler)
    known = {key_of(trial.setting) for trial in study.trials()}
    drawn: dict[int, Setting] = {}
    for _ in range(MAX_DRAWS * count):
        trial = of_sampler.ask(dict(study.space.dimensions))
        setting: Setting = trial.params
        if key_of(setting) in known:
            repeated = {"ended": State.KILLED.value, "reason": "proposed before"}
            study.set_state(trial.number, TrialState.FAIL, repeated)
            continue
        known.add(key_of(setting))
        drawn[trial.number] = setting
        if len(drawn) == count:
            break
    seed = study.space.seeds[0]
    for number, setting in drawn.items():
        about = {"seed": seed, "run": study.run_name(number, setting, seed)}
        study.set_state(number, TrialState.WAITING, about)
    return len(drawn)
