"""What is shown of a training."""

from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest

from vaelab.console import Console
from vaelab.training.display import ProgressBar


def shown(steps_per_epoch: int, epochs: int, images: int) -> tuple[StringIO, ProgressBar, Any]:
    """What is printed, the bar that prints it, and a training that has not begun."""
    out = StringIO()
    training = SimpleNamespace(
        progress=SimpleNamespace(step=0, epoch=0), steps_per_epoch=steps_per_epoch,
        latest={"distortion_nats": 1.0, "rate_nats": 2.0, "elbo_nats": -3.0},
        config=SimpleNamespace(epochs=epochs), experiment=SimpleNamespace(task_name="x"),
        store=SimpleNamespace(valid=[], training_images=images),
    )  # fmt: skip
    return out, ProgressBar(Console(file=out, width=200)), training


def test_the_speed_leaves_out_what_comes_before_the_first_step_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr("vaelab.training.display.monotonic", lambda: now[0])
    out, bar, training = shown(steps_per_epoch=11, epochs=2, images=1100)
    bar.on_start(training)
    now[0] = 100.0  # pictures, kept steps, the engine's first step
    for step in range(1, 12):
        training.progress.step = step
        bar.on_step(training)
        now[0] += 0.5
    now[0] -= 0.5
    training.progress.epoch = 1
    bar.on_epoch(training)
    assert out.getvalue().rstrip().endswith("elbo -3.00 nats  200 images/s")


def test_the_speed_is_that_of_the_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("vaelab.training.display.monotonic", lambda: now[0])
    out, bar, training = shown(steps_per_epoch=100, epochs=1, images=1000)
    bar.on_start(training)
    for step in range(1, 101):
        now[0] += 10.0 if step <= 50 else 0.5
        training.progress.step = step
        bar.on_step(training)
    training.progress.epoch = 1
    bar.on_epoch(training)
    assert out.getvalue().rstrip().endswith("elbo -3.00 nats  20 images/s")


def test_one_step_has_no_speed() -> None:
    out, bar, training = shown(steps_per_epoch=1, epochs=1, images=50)
    bar.on_start(training)
    training.progress.step = training.progress.epoch = 1
    bar.on_step(training)
    bar.on_epoch(training)
    assert out.getvalue().rstrip().endswith("elbo -3.00 nats")
