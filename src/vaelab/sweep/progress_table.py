"""What the user sees of a sweep while it runs."""

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from rich.box import SIMPLE
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from vaelab.console import Console
from vaelab.errors import UserError
from vaelab.runs.run import Run
from vaelab.sweep.study import UNFINISHED, State, Study, Trial
from vaelab.training.state import read_progress

MAX_ROWS = 12
"""Of trials that run, and as many of the best."""


class ProgressTable:
    """A live table on a terminal; elsewhere a line for each trial that ends."""

    def __init__(self, study: Study, console: Console) -> None:
        self._folder, self._sweep, self.console = study.folder, study.sweep, console
        self._said: set[str] | None = None
        self._runs: dict[str, Run] = {}
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(None),
            TextColumn("{task.percentage:.0f} % of all epochs"), TimeElapsedColumn(),
            TextColumn("left"), TimeRemainingColumn(elapsed_when_finished=True), console=console,
        )  # fmt: skip
        self._task = self._bar.add_task("starting", total=1.0)
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def live(self) -> AbstractContextManager[object]:
        """Keep the table on a terminal inside the block."""
        return self._live if self.console.is_terminal else nullcontext()

    def show(self, trials: Sequence[Trial]) -> None:
        """Show how the trials are now."""
        self._say_ended(trials)
        if not self.console.is_terminal:
            return
        running = [trial for trial in trials if trial.state is State.RUNNING]
        reached = {trial.run: self._reached(trial) for trial in running}
        ended = sum(trial.state not in UNFINISHED for trial in trials)
        part = ended + sum(done / epochs for done, epochs, _ in reached.values())
        counts = Counter(trial.state.value for trial in trials)
        words = ", ".join(f"{count} {state}" for state, count in counts.items())
        self._bar.update(self._task, completed=part / self._sweep.trials, description=words)

        shown = Table(box=SIMPLE, caption="validation ELBO of the weights kept, nats per image")
        for name in ("run", ""):
            shown.add_column(name)
        for name in ("epoch", "elbo"):
            shown.add_column(name, justify="right")
        for trial in running[:MAX_ROWS]:
            done, epochs, elbo = reached[trial.run]
            row = escape(trial.run), "running", f"{done}/{epochs}", _nats(elbo)
            shown.add_row(*row, style="cyan")
        if len(running) > MAX_ROWS:
            shown.add_row(f"and {len(running) - MAX_ROWS} more")
        scored = [trial for trial in trials if trial.elbo is not None]
        for trial in sorted(scored, key=lambda trial: -(trial.elbo or 0.0))[:MAX_ROWS]:
            epoch = f"{trial.terms['epoch']:.0f}"
            shown.add_row(escape(trial.run), trial.state.value, epoch, _nats(trial.elbo))
        self._live.update(Group(self._bar, shown), refresh=True)

    def _reached(self, trial: Trial) -> tuple[int, int, float | None]:
        """Epochs that are saved, epochs in all, and the best ELBO."""
        try:
            run = self._runs.get(trial.run) or Run(self._folder / trial.run)
        except UserError:  # there is none yet, or it is damaged, which its worker will say
            return 0, 1, None
        self._runs[trial.run] = run
        done, elbo = epochs_saved(run)
        return done, run.experiment.training.epochs, elbo

    def _say_ended(self, trials: Sequence[Trial]) -> None:
        ended = {trial.run: trial for trial in trials if trial.state not in UNFINISHED}
        if self._said is None:  # what had ended before is in the final table
            self._said = set(ended)
        for run in [run for run in ended if run not in self._said]:
            self._said.add(run)
            trial = ended[run]
            number = f"{len(self._said)}/{self._sweep.trials}"
            what = f"valid elbo {_nats(trial.elbo)} nats" if trial.reason == "" else trial.reason
            self.console.say(f"{number} {run} {trial.state.value}: {what}")


def _nats(elbo: float | None) -> str:
    return "-" if elbo is None else f"{elbo:,.2f}"


def epochs_saved(run: Run) -> tuple[int, float | None]:
    """Epochs that a run under training has saved, and the best validation ELBO, nats per image."""
    try:
        progress = read_progress(run.resume_path)
    except (UserError, OSError):  # nothing is saved yet
        return 0, None
    return progress.epoch, progress.best_elbo
