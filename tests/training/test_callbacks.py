"""What watches a training is called when it is said to be, and cannot lose a run."""

from pathlib import Path

import pytest

from tests.training.conftest import tiny
from vaelab.errors import UserError
from vaelab.runs.records import Row
from vaelab.training import (
    Callback,
    CallbackError,
    Start,
    Training,
    replicas,
    train,
    train_together,
)
from vaelab.training.state import read_progress


class Notes(Callback):
    """Writes down what it is called with."""

    def __init__(self, name: str, into: list[tuple[str, str, int]]) -> None:
        self.name, self.into = name, into

    def note(self, hook: str, training: Training) -> None:
        self.into.append((self.name, hook, training.progress.step))

    def on_start(self, training: Training) -> None:
        self.note("on_start", training)

    def before_step(self, training: Training) -> None:
        self.note("before_step", training)

    def on_step(self, training: Training) -> None:
        self.note("on_step", training)

    def on_log(self, training: Training, row: Row) -> None:
        assert row == training.run.metrics()[-1]
        self.note(f"on_log {row['split']}", training)

    def on_epoch(self, training: Training) -> None:
        assert set(training.latest) >= {"elbo_nats", "distortion_nats", "rate_nats"}
        self.note("on_epoch", training)

    def on_stop(self, training: Training) -> None:
        assert training.stopped is None
        assert read_progress(training.run.resume_path).step == training.progress.step
        self.note("on_stop", training)


def test_each_is_called_when_it_is_said_to_be(runs: Path) -> None:
    said: list[tuple[str, str, int]] = []
    callbacks = [Notes("a", said), Notes("b", said)]
    run = train(tiny("training.log_every=2", "training.epochs=1"), runs, callbacks=callbacks).run
    last = read_progress(run.resume_path).step
    assert last > 4
    assert said[:8] == [
        ("a", "on_start", 0), ("b", "on_start", 0),
        ("b", "before_step", 0), ("a", "before_step", 0),
        ("a", "on_step", 1), ("b", "on_step", 1),
        ("b", "before_step", 1), ("a", "before_step", 1),
    ]  # fmt: skip
    assert [hook for name, hook, step in said if name == "a" and step == last] == [
        "on_log train", "on_log valid", "on_epoch", "on_step", "on_stop",
    ]  # fmt: skip
    assert [step for name, hook, step in said if (name, hook) == ("b", "on_step")] == [
        *range(1, last + 1)
    ]


class Failing(Callback):
    """Raises in one of its methods, at a step."""

    def __init__(self, hook: str, step: int, error: Exception) -> None:
        def fail(training: Training, *rest: object) -> None:
            if training.progress.step >= step:
                raise error

        setattr(self, hook, fail)


@pytest.mark.parametrize(
    ("hook", "step"),
    [("on_start", 0), ("before_step", 5), ("on_step", 5), ("on_log", 10), ("on_log", 21),
     ("on_epoch", 1)],
)  # fmt: skip
def test_one_that_fails_is_named_and_the_run_goes_on_as_if_nothing_had_been(
    runs: Path, hook: str, step: int
) -> None:
    alone = train(tiny("task_name=alone"), runs).run
    failing = Failing(hook, step, ZeroDivisionError("division by zero"))
    words = rf"Failing\.{hook} failed after step \d+ of .*tiny: ZeroDivisionError: division by zero"
    with pytest.raises(CallbackError, match=f"{words}.*--resume"):
        train(tiny(), runs, callbacks=[failing])
    assert read_progress(runs / "tiny" / "resume.safetensors").step >= step
    resumed = train(tiny(), runs, Start.RESUME).run
    assert resumed.metrics() == alone.metrics()
    assert (resumed.path / "weights.safetensors").read_bytes() == alone.weights_path.read_bytes()


class FailingFor(Failing):
    """Likewise, for the run of one seed alone."""

    def __init__(self, hook: str, step: int, seed: int) -> None:
        super().__init__(hook, step, ZeroDivisionError())
        fail = getattr(self, hook)

        def fail_for_one(training: Training, *rest: object) -> None:
            if training.experiment.training.seed == seed:
                fail(training, *rest)

        setattr(self, hook, fail_for_one)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("hook", "step"),
    [("on_start", 0), ("before_step", 5), ("on_step", 5), ("on_log", 10), ("on_log", 21),
     ("on_epoch", 1)],
)  # fmt: skip
def test_one_that_fails_for_one_of_several_leaves_all_saved_at_one_step(
    runs: Path, hook: str, step: int, seed: int
) -> None:
    experiments = replicas(tiny("training.replicas=2", "training.epochs=2"))
    with pytest.raises(CallbackError, match=rf"FailingFor\.{hook} failed .*tiny_seed{seed}: Zero"):
        train_together(experiments, runs, callbacks=[FailingFor(hook, step, seed)])
    paths = [runs / one.task_name / "resume.safetensors" for one in experiments]
    saved = [read_progress(path).step for path in paths]
    assert saved[0] == saved[1] >= step
    whole = train_together(experiments, runs / "whole")
    for resumed, other in zip(train_together(experiments, runs, Start.RESUME), whole, strict=True):
        assert resumed.run.metrics() == other.run.metrics()


def test_an_error_that_it_raises_for_the_user_stays_what_it_is(runs: Path) -> None:
    with pytest.raises(UserError, match=r"^enough$"):
        train(tiny(), runs, callbacks=[Failing("on_step", 3, UserError("enough"))])


class StopsAt(Callback):
    """Stops whatever comes to a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def before_step(self, training: Training) -> None:
        if training.progress.step == self.step:
            training.stop("here")


def test_one_that_stops_while_it_catches_up_leaves_the_others_where_they_are(runs: Path) -> None:
    """Of two replicas that a kill has left at other steps, the one behind is stopped."""
    behind, ahead = replicas(tiny("training.replicas=2"))
    train_together([behind], runs, callbacks=[StopsAt(5)])
    train_together([ahead], runs, callbacks=[StopsAt(12)])
    outcomes = train_together([behind, ahead], runs, Start.RESUME, callbacks=[StopsAt(8)])
    assert [outcome.stopped for outcome in outcomes] == ["here"] * 2
    steps = [read_progress(outcome.run.resume_path).step for outcome in outcomes]
    assert steps == [8, 12]
    whole = train_together([behind, ahead], runs / "whole")
    resumed = train_together([behind, ahead], runs, Start.RESUME)
    for one, other in zip(resumed, whole, strict=True):
        for a, b in zip(one.run.metrics(), other.run.metrics(), strict=True):
            assert a.pop("split") == b.pop("split")
            assert a == pytest.approx(b, rel=1e-4)


class Patience(Callback):
    """Stops when the second of two runs has come to a step."""

    def on_step(self, training: Training) -> None:
        if training.progress.step == 4 and training.experiment.training.seed == 1:
            training.stop("seen enough")


def test_one_of_several_that_are_trained_together_stops_all_at_one_step(runs: Path) -> None:
    experiments = replicas(tiny("training.replicas=2"))
    outcomes = train_together(experiments, runs, callbacks=[Patience()])
    assert [outcome.stopped for outcome in outcomes] == ["seen enough"] * 2
    steps = {read_progress(outcome.run.resume_path).step for outcome in outcomes}
    assert len(steps) == 1
    whole = train_together(experiments, runs / "whole")
    for resumed, other in zip(train_together(experiments, runs, Start.RESUME), whole, strict=True):
        assert resumed.run.metrics() == other.run.metrics()
