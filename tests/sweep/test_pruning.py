"""Successive halving: who goes on at a rung."""

from pathlib import Path

import pytest
import torch

from tests.sweep.conftest import Start, study_of, work
from vaelab.runs.run import Run
from vaelab.sweep.progress_table import epochs_saved
from vaelab.sweep.pruning import PruningCallback, rungs
from vaelab.sweep.study import State, Study, Trial
from vaelab.tensorfile import read_tensors
from vaelab.training import train
from vaelab.training.interrupt import Interrupt


def judged(
    study: Study, trials: list[Trial], elbos: list[float], epoch: int, prune: bool = True
) -> list[str]:
    """The runs that are pruned of those that come to the end of an epoch of ten together."""
    callback = PruningCallback(study, trials, prune, Interrupt())
    best = {trial.run: elbo for trial, elbo in zip(trials, elbos, strict=True)}
    callback.judge(epoch, 10, best)
    return [trial.run for trial in callback.pruned]


def test_rungs_lie_at_a_fifth_of_the_epochs_and_each_twice_as_far_as_the_one_before() -> None:
    assert [rungs(epochs) for epochs in (1, 2, 10, 100)] == [[], [1], [2, 4, 8], [20, 40, 80]]


def test_the_first_at_a_rung_goes_on_and_a_run_that_is_retried_counts_once(sweep: Start) -> None:
    study = study_of(sweep("objective.beta=1,2,4,8"))
    study.claim(study.trials(), "dead")
    first, second, third, fourth = study.trials()
    assert judged(study, [first], [-3.0], 2) == []
    study.retry(first)
    study.claim(study.waiting(), "me")
    again = study.trials()[0]
    assert again.number == 4
    assert judged(study, [again], [-3.0], 2) == []
    assert judged(study, [fourth], [0.0], 4) == []  # another rung
    assert judged(study, [second], [-1.0], 2) == []
    assert judged(study, [third], [-5.0], 2) == [third.run]


def test_those_trained_together_are_judged_together(sweep: Start) -> None:
    study = study_of(sweep("objective.beta=1,2,4,8,16"))
    study.claim(study.trials(), "me")
    trials = study.trials()
    elbos = [-5.0, -1.0, -4.0, -2.0, -3.0]
    assert judged(study, trials, elbos, 3) == []  # no rung
    assert judged(study, trials, elbos, 2, prune=False) == []
    assert judged(study, trials, elbos, 2) == [trials[0].run, trials[2].run]


@pytest.mark.slow
def test_successive_halving_needs_no_trial_to_have_ended(sweep: Start) -> None:
    rates = "training.optimizer.learning_rate=1e-2,1e-6"
    folder = sweep(rates, "training.epochs=10", prune=True)
    trials = work(folder, workers=2)  # one by one
    assert [trial.state for trial in trials] == [State.COMPLETE, State.PRUNED]
    assert trials[1].terms["epoch"] == 2  # the first rung is a fifth of the training
    assert epochs_saved(Run(folder / trials[1].run))[0] == 2


@pytest.mark.slow
def test_of_those_trained_together_the_worse_half_is_pruned_and_the_others_go_on(
    sweep: Start, tmp_path: Path
) -> None:
    rates = "training.optimizer.learning_rate=1e-7,1e-2,1e-6,3e-3"
    folder = sweep(rates, "training.epochs=5", "training.precision=float64", prune=True)
    trials = work(folder)
    assert [trial.state for trial in trials] == [
        State.PRUNED, State.COMPLETE, State.PRUNED, State.PRUNED,
    ]  # fmt: skip
    assert [epochs_saved(Run(folder / trial.run))[0] for trial in trials] == [1, 5, 1, 2]
    run = Run(folder / trials[1].run)
    alone = train(run.experiment, tmp_path / "alone").run
    torch.testing.assert_close(
        read_tensors(run.resume_path)[0], read_tensors(alone.resume_path)[0], rtol=1e-6, atol=1e-8
    )
