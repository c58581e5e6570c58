"""Running a trap: both sides trained and measured, their numbers and pictures."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from vaelab.console import Console
from vaelab.errors import BadCombinationError, StoppedError
from vaelab.experiment import Experiment
from vaelab.figures import save_png
from vaelab.models import VAE
from vaelab.run import Run
from vaelab.training import Start, train
from vaelab.traps.base import Shown, Trained
from vaelab.traps.picture import draw
from vaelab.traps.trap import Trap, trap_named, traps


@dataclass(frozen=True, eq=False)
class Sprung:
    """A trap that was run.

    Attributes:
        name: of the trap.
        trap: what it is.
        wrong: what the mistake shows.
        right: what the cure shows.
        picture: where the two are drawn beside each other.
    """

    name: str
    trap: Trap
    wrong: Shown
    right: Shown
    picture: Path

    def report(self) -> Group:
        """The two numbers and why, for a terminal."""
        return Group(*self._parts())

    def _parts(self) -> Iterator[RenderableType]:
        yield f"[bold]{escape(self.trap.title)}[/bold]"
        table = Table.grid(padding=(0, 2))
        sides = (("[red]wrong[/red]", self.trap.wrong, self.wrong),
                 ("[green]right[/green]", self.trap.right, self.right))  # fmt: skip
        for word, side, shown in sides:
            number = shown.number
            error = "" if number.standard_error is None else f" ± {number.standard_error:.2g}"
            value = f"[bold]{number.value:.4g}[/bold]{error} {number.unit}"
            table.add_row(word, escape(side.name))
            table.add_row("", f"{shown.name}: {value} ({escape(number.estimator)})")
        yield Padding(table, (1, 0))
        yield escape(self.trap.why)
        yield f"[dim]{escape(self.trap.reference)}[/dim]"


def spring(name: str, folder: Path, console: Console) -> Sprung:
    """Train both sides of a trap, measure them, and draw them beside each other.

    Runs that are finished are not trained again.

    Args:
        name: of the trap.
        folder: where the runs lie and the picture goes.
        console: where progress is shown.

    Raises:
        UserError: no such trap, or a run was stopped or is in the way.
    """
    trap = trap_named(name)
    wrong, right = trap.experiments(name)
    sides = [_trained(one, folder, console) for one in dict.fromkeys((wrong, right))]
    shown = trap.measure(sides[0], sides[-1])
    picture = save_png(draw(trap, *shown), folder / f"trap_{name}.png")
    return Sprung(name, trap, *shown, picture)


def listed() -> Table:
    """The traps, for a terminal."""
    table = Table(box=SIMPLE, show_header=False, caption="`vaelab trap NAME` runs one")
    table.add_column(style="cyan", no_wrap=True)
    table.add_column()
    for name, trap in traps().items():
        table.add_row(name, escape(trap.title))
    return table


def _trained(experiment: Experiment, folder: Path, console: Console) -> Trained:
    epochs = experiment.training.epochs
    with console.status(f"training {experiment.task_name}, {epochs} epochs"):
        outcome = train(experiment, folder, Start.RESUME)
    run: Run = outcome.run
    if outcome.stopped is not None:
        what = f"{run.path} was stopped; the same command goes on with it"
        raise StoppedError(what, outcome.signal)
    model, _ = run.load_model()
    if not isinstance(model, VAE):
        raise BadCombinationError(f"a trap needs `model: vae`, but {run.path} is another model")
    return Trained(run, model, experiment.data.load())
