"""What a person sees of a sweep while it runs."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich.box import SIMPLE
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from vaelab.console import Console
from vaelab.errors import UserError
from vaelab.run import Run
from vaelab.sweep.plan import Sweep
from vaelab.sweep.progress import Reached, reached
from vaelab.sweep.trial import GOING, State, Trial

ROWS = 12
"""Of trials that run, and as many of the best."""


class Board:
    """A live table on a terminal; elsewhere a line for each trial that ends.

    Args:
        folder: of the sweep.
        sweep: what it is.
        console: where to.
    """

    def __init__(self, folder: Path, sweep: Sweep, console: Console) -> None:
        self._folder, self._sweep, self._console = folder, sweep, console
        self._said: set[str] | None = None
        self._runs: dict[str, Run] = {}
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(None),
            TextColumn("{task.percentage:.0f} % of all epochs"), TimeElapsedColumn(),
            TextColumn("left"), TimeRemainingColumn(elapsed_when_finished=True), console=console,
        )  # fmt: skip
        self._task = self._bar.add_task("starting", total=1.0)
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> "Board":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def say(self, text: str) -> None:
        """A line that stays."""
        self._console.say(text)

    def show(self, trials: Sequence[Trial]) -> None:
        """How the trials are now."""
        self._say_ended(trials)
        if not self._console.is_terminal:
            return
        going = {t.run: self._reached(t) for t in trials if t.state in GOING}
        total = self._sweep.trials
        done = len(trials) - len(going)
        part = sum(reach.epoch / epochs for reach, epochs in going.values())
        counts = Counter(trial.state.value for trial in trials)
        words = ", ".join(f"{count} {state}" for state, count in counts.items())
        self._bar.update(self._task, completed=(done + part) / total, description=words)
        self._live.update(Group(self._bar, self._table(trials, going)), refresh=True)

    def _table(self, trials: Sequence[Trial], going: dict[str, tuple[Reached, int]]) -> Table:
        shown = Table(box=SIMPLE, caption="validation ELBO of the weights kept, nats per image")
        for name, justify in (("run", "left"), ("", "left"), ("epoch", "right"), ("elbo", "right")):
            shown.add_column(name, justify=justify)  # type: ignore[arg-type]
        running = [trial for trial in trials if trial.state is State.RUNNING]
        for trial in running[:ROWS]:
            reach, epochs = going[trial.run]
            shown.add_row(
                escape(trial.run), "running", f"{reach.epoch}/{epochs}", _nats(reach.elbo),
                style="cyan",
            )  # fmt: skip
        if len(running) > ROWS:
            shown.add_row(f"and {len(running) - ROWS} more")
        ended = [trial for trial in trials if trial.elbo is not None]
        for trial in sorted(ended, key=lambda trial: -(trial.elbo or 0.0))[:ROWS]:
            epoch = f"{trial.terms['epoch']:.0f}"
            shown.add_row(escape(trial.run), trial.state.value, epoch, _nats(trial.elbo))
        return shown

    def _reached(self, trial: Trial) -> tuple[Reached, int]:
        path = self._folder / trial.run
        try:
            run = self._runs.get(trial.run) or Run(path)
        except UserError:  # there is none yet, or it is damaged, which its worker will say
            return Reached(0, None), 1
        self._runs[trial.run] = run
        return reached(run), run.experiment.training.epochs

    def _say_ended(self, trials: Sequence[Trial]) -> None:
        ended = {trial.run: trial for trial in trials if trial.state not in GOING}
        if self._said is None:  # what had ended before is in the final table
            self._said = set(ended)
        for run in [run for run in ended if run not in self._said]:
            self._said.add(run)
            trial = ended[run]
            number = f"{len(self._said)}/{self._sweep.trials}"
            what = f"valid elbo {_nats(trial.elbo)} nats" if trial.reason == "" else trial.reason
            self.say(f"{number} {run} {trial.state.value}: {what}")


def _nats(elbo: float | None) -> str:
    return "-" if elbo is None else f"{elbo:,.2f}"
