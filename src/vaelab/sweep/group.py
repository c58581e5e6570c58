"""Which trials are trained together as one batched model."""

from collections.abc import Sequence

from vaelab.errors import UserError
from vaelab.experiment import Experiment
from vaelab.sweep.plan import Sweep
from vaelab.sweep.study import ATTEMPTS
from vaelab.sweep.trial import Trial
from vaelab.training import check_alike
from vaelab.training.precision import choose_place

LARGEST = 16
"""Trials in one batched model; more gain little and need memory."""


def alike(trials: Sequence[Trial], sweep: Sweep) -> list[Trial]:
    """The first trial and those that differ from it in seed, beta or learning rate alone.

    It stays by itself where training together would take longer than one after the other, and where
    it is begun for the last time: if it kills that worker too, none fails in its company.
    """
    if not trials:
        return []
    chosen = [trials[0]]
    if trials[0].attempt == ATTEMPTS:
        return chosen
    try:
        first = sweep.experiment(trials[0].run, trials[0].setting, trials[0].seed)
        if not pays(first):
            return chosen
    except UserError:  # the one who trains it says so
        return chosen
    for trial in trials[1:]:
        if trial.attempt == ATTEMPTS:
            continue
        try:
            other = sweep.experiment(trial.run, trial.setting, trial.seed)
            check_alike([first, other])
        except UserError:
            continue
        chosen.append(trial)
    return chosen


def pays(experiment: Experiment) -> bool:
    """Whether a batched model is faster than its members in turn.

    On a CPU convolutions are not: batched over models they are PyTorch's own, which take 1.5 times
    as long as ours of a single model.
    """
    plain = all(network.kind == "mlp" for network in experiment.model.networks)
    return plain or choose_place(experiment.training).device.type != "cpu"


def share(alike: int, idle: int) -> int:
    """How many of so many trials one of the idle workers takes."""
    return min(LARGEST, -(-alike // max(1, idle)))
