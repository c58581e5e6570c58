"""Runs trained together are what each would be by itself."""

import shutil
from pathlib import Path

import pytest
import torch

from tests.training.conftest import tiny
from tests.training.test_engines import CONV, KINDS
from vaelab.console import Console
from vaelab.errors import BadCombinationError, BadValueError
from vaelab.experiment import Experiment
from vaelab.runs.run import Run
from vaelab.tensorfile import read_tensors
from vaelab.training import Start, replicas, train, train_together


def weights(run: Run) -> dict[str, torch.Tensor]:
    return read_tensors(run.resume_path)[0]


def assert_alike(together: Run, alone: Run) -> None:
    """Weights, moments and every logged number agree up to rounding."""
    torch.testing.assert_close(weights(together), weights(alone), rtol=1e-6, atol=1e-8)
    for a, b in zip(together.metrics(), alone.metrics(), strict=True):
        assert a.pop("split") == b.pop("split")
        assert a == pytest.approx(b, rel=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mlp", "batch norm", "vamp"])
def test_each_replica_is_what_it_would_be_alone(runs: Path, kind: str) -> None:
    experiment = tiny(
        "training.precision=float64", "training.seed=7", "training.batch_size=256", *KINDS[kind]
    )
    three = experiment.training.model_copy(update={"replicas": 3})
    outcomes = train_together(replicas(experiment.model_copy(update={"training": three})), runs)
    assert [outcome.run.path.name for outcome in outcomes] == [
        f"{experiment.task_name}_seed{seed}" for seed in (7, 8, 9)
    ]
    for outcome, seed in zip(outcomes, (7, 8, 9), strict=True):
        again = outcome.run.experiment
        assert (again.training.seed, again.training.replicas) == (seed, 1)
        alone = again.model_copy(update={"task_name": f"alone{seed}"})
        assert_alike(outcome.run, train(alone, runs).run)


def different() -> list[Experiment]:
    shared = ("training.precision=float64", "training.epochs=5", CONV)
    schedule = "training.learning_rate_schedule={kind: plateau, patience: 0, factor: 0.1}"
    return [
        tiny(*shared, "task_name=a", "objective.beta=1", "training.optimizer.learning_rate=0.3",
             schedule),
        tiny(*shared, "task_name=b", "objective.beta=4", schedule),
        tiny(*shared, "task_name=c", "training.seed=5",
             "objective.beta={kind: linear, start: 0, end: 2, epochs: 3}"),
    ]  # fmt: skip


@pytest.mark.slow
def test_each_has_its_own_beta_learning_rate_and_plateau(runs: Path) -> None:
    experiments = different()
    for outcome, experiment in zip(train_together(experiments, runs), experiments, strict=True):
        assert_alike(outcome.run, train(experiment, runs / "alone").run)
    rows = {name: Run(runs / name).metrics() for name in "abc"}
    rates = {name: {row.get("learning_rate") for row in rows[name]} - {None} for name in rows}
    assert len(rates["a"]) > 1, "the plateau of a was never met: this test shows nothing"
    assert rates["a"] != rates["b"]
    assert {row.get("beta") for row in rows["b"]} - {None} == {4.0}


@pytest.mark.slow
@pytest.mark.parametrize("kill_at", [61, 60], ids=["all alike", "while the last is saved"])
def test_killed_together_they_go_on_bit_for_bit(runs: Path, kill_at: int, monkeypatch) -> None:
    experiments = [
        experiment.model_copy(
            update={"training": experiment.training.model_copy(update={"save_minutes": 1e-9})}
        )
        for experiment in different()
    ]

    class KilledError(BaseException):
        pass

    from vaelab.training import training

    saves = 0
    former = training.save_checkpoint

    def save(*arguments: object) -> None:
        nonlocal saves
        saves += 1
        if saves == kill_at:
            raise KilledError
        former(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(training, "save_checkpoint", save)
        with pytest.raises(KilledError):
            train_together(experiments, runs)
    resumed = train_together(experiments, runs, Start.RESUME)
    whole = train_together(experiments, runs / "whole")
    for a, b in zip(resumed, whole, strict=True):
        assert a.run.metrics() == b.run.metrics()
        torch.testing.assert_close(weights(a.run), weights(b.run), rtol=0, atol=0)


@pytest.mark.slow
def test_one_of_them_can_be_gone_on_with_alone(runs: Path) -> None:
    a, b, _ = different()
    train_together([a, b], runs)
    longer = a.model_copy(update={"training": a.training.model_copy(update={"epochs": 6})})
    on = train(longer, runs, Start.RESUME).run
    assert_alike(on, train(longer, runs / "alone").run)


def test_what_cannot_be_trained_together_is_refused_before_anything_is_written(runs: Path) -> None:
    a, b, c = different()
    smaller = a.training.model_copy(update={"batch_size": 32})
    d = a.model_copy(update={"task_name": "d", "training": smaller})
    with pytest.raises(BadCombinationError, match=r"a and d differ in training\.batch_size"):
        train_together([a, d], runs)
    with pytest.raises(BadCombinationError, match="names of their own"):
        train_together([a, a], runs)
    with pytest.raises(BadCombinationError, match="stands for several runs"):
        train(tiny("training.replicas=2"), runs)
    assert not runs.exists()
    train(b, runs)
    with pytest.raises(BadValueError, match="there is a run in"):
        train_together([a, b, c], runs)
    assert [path.name for path in runs.iterdir()] == ["b"]


@pytest.mark.slow
def test_a_finished_one_stays_and_the_others_go_on(runs: Path) -> None:
    a, b, _ = different()
    done = train(b, runs).run
    before = done.resume_path.read_bytes()
    outcomes = train_together([a, b], runs, Start.RESUME, Console(quiet=True))
    assert done.resume_path.read_bytes() == before
    assert_alike(outcomes[0].run, train(a, runs / "alone").run)
    shutil.rmtree(runs)


def test_a_loss_that_is_no_number_names_its_run(runs: Path) -> None:
    good = tiny("task_name=good")
    wild = tiny("task_name=wild", "training.optimizer.learning_rate=1e30")
    with pytest.raises(BadValueError, match="wild: the loss of step 2"):
        train_together([good, wild], runs)


def test_replicas_beyond_the_largest_seed_are_refused() -> None:
    with pytest.raises(BadValueError, match="beyond the largest seed"):
        tiny(f"training.seed={2**63 - 1}", "training.replicas=2")
