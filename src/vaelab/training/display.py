"""What a person sees of a training: a progress bar on a terminal, plain lines elsewhere."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from time import monotonic
from types import TracebackType

from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from vaelab.console import Console

READ_TERMS = "distortion {distortion:.2f}  rate {rate:.2f}  elbo {elbo:.2f} nats"
REFRESH_SECONDS = 0.2


class Display:
    """The progress of a training on a console.

    Args:
        console: where to.
        runs: how many are trained together; numbers are then means over them.
    """

    def __init__(self, console: Console, runs: int = 1) -> None:
        self.console = console
        self._suffix = f" (mean of {runs} runs)" if runs > 1 else ""
        self._terms = ""
        self._shown = self._began = monotonic()
        self._images = 0
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

    def __enter__(self) -> "Display":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        """A line that stays."""
        self.console.say(text)

    def begin(self, steps: int, done: int) -> None:
        """The training is about to start, `done` of `steps` having been done before."""
        self._bar.update(self._task, total=steps, completed=done)
        self._bar.start_task(self._task)
        self._shown = self._began = monotonic()
        self._images = 0

    def step(self, done: int, images: int, epoch: int, epochs: int) -> None:
        """A step of `images` images is done."""
        self._images += images
        now = monotonic()
        if now - self._shown < REFRESH_SECONDS:
            return
        self._shown = now
        self._bar.update(
            self._task,
            completed=done,
            description=f"epoch {epoch}/{epochs}",
            terms=self._terms,
            speed=self._images / (now - self._began),
        )

    def terms(self, numbers: Sequence[Mapping[str, float]]) -> None:
        """Training terms of each run have been read, nats per image."""
        names = ("distortion", "rate", "elbo")
        means = {name: fmean(one[f"{name}_nats"] for one in numbers) for name in names}
        self._terms = READ_TERMS.format(**means) + self._suffix

    def epoch(
        self, epoch: int, epochs: int, split: str, numbers: Sequence[Mapping[str, float]]
    ) -> None:
        """An epoch is over; `numbers` are of `split`. A long training says some twenty of them."""
        self.terms(numbers)
        if epoch % max(1, epochs // 20) and epoch < epochs:
            return
        speed = self._images / max(1e-9, monotonic() - self._began)
        self.say(f"epoch {epoch:>3}/{epochs}  {split}: {self._terms}  {speed:,.0f} images/s")
