"""What a person sees of a training: a progress bar on a terminal, plain lines elsewhere."""

from collections import deque
from statistics import fmean
from time import monotonic
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from vaelab.console import Console
from vaelab.runs.records import Row
from vaelab.training.callback import Callback

if TYPE_CHECKING:
    from vaelab.training.training import Training

READ_TERMS = "distortion {distortion:,.2f}  rate {rate:,.2f}  elbo {elbo:,.2f} nats"
REFRESH_SECONDS = 0.2
RECENT_SECONDS = 5.0
"""Of training that the speed shown is that of, at least where there were so many."""


class ProgressBar(Callback):
    """The progress of a training on a console, of several that run together by means over them."""

    def __init__(self, console: Console, runs: int = 1) -> None:
        self.console = console
        self._runs = runs
        self._latest: dict[str, dict[str, float]] = {}
        self._ended: set[str] = set()
        self._terms = ""
        self._shown = monotonic()
        self._marks = deque[tuple[float, int]]()  # times and steps of the last seconds
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[terms]}"),
            TextColumn("{task.fields[speed]:,.0f} images/s"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("", terms="", speed=0.0, start=False)

    def __enter__(self) -> "ProgressBar":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def on_start(self, training: "Training") -> None:
        total = training.config.epochs * training.steps_per_epoch
        self._bar.update(self._task, total=total, completed=training.progress.step)
        self._bar.start_task(self._task)
        self._shown = monotonic()
        self._marks.clear()

    def on_log(self, training: "Training", row: Row) -> None:
        self._note(training)

    def on_step(self, training: "Training") -> None:
        progress, epochs = training.progress, training.config.epochs
        now = monotonic()
        if self._marks and now - self._shown < REFRESH_SECONDS:
            return
        self._marks.append((now, progress.step))
        while len(self._marks) > 1 and now - self._marks[1][0] > RECENT_SECONDS:
            self._marks.popleft()
        self._shown = now
        self._bar.update(
            self._task,
            completed=progress.step,
            description=f"epoch {min(progress.epoch + 1, epochs)}/{epochs}",
            terms=self._terms,
            speed=self._speed(training) or 0.0,
        )

    def on_epoch(self, training: "Training") -> None:
        """A long training says some twenty of its epochs."""
        self._note(training)
        self._ended.add(training.experiment.task_name)
        if len(self._ended) < self._runs:
            return
        self._ended.clear()
        epoch, epochs = training.progress.epoch, training.config.epochs
        if epoch % max(1, epochs // 20) and epoch < epochs:
            return
        split = "valid" if len(training.store.valid) else "train"
        speed = self._speed(training)
        words = "" if speed is None else f"  {speed:,.0f} images/s"
        self.console.say(f"epoch {epoch:>3}/{epochs}  {split}: {self._terms}{words}")

    def _speed(self, training: "Training") -> float | None:
        """Training images a second of late, the preparations of the first step left out.

        All else that is done between steps is in it. None before the second step.
        """
        now = monotonic()
        began, before = self._marks[0] if self._marks else (0.0, training.progress.step)
        epochs = (training.progress.step - before) / training.steps_per_epoch
        images = self._runs * epochs * training.store.training_images
        return images / max(1e-9, now - began) if epochs else None

    def _note(self, training: "Training") -> None:
        self._latest[training.experiment.task_name] = training.latest
        names = ("distortion", "rate", "elbo")
        means = {
            name: fmean(latest[f"{name}_nats"] for latest in self._latest.values())
            for name in names
        }
        suffix = f" (mean of {self._runs} runs)" if self._runs > 1 else ""
        self._terms = READ_TERMS.format(**means) + suffix
