"""A trap as data, and its running: both sides trained, measured, and drawn beside each other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure
from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from vaelab.config import Config, validate
from vaelab.console import Console, with_error
from vaelab.drawing import ACCENT, CONTRAST, INK, MARGIN, SOFT, Page, number
from vaelab.errors import MissingFileError, StoppedError, near
from vaelab.experiment import NO_PICTURES, Experiment
from vaelab.figures import FigureContext, save_png
from vaelab.figures.sheet import fitting, magnify, tile
from vaelab.lessons.traps.measures import (
    COLUMNS,
    Curve,
    Evidence,
    Rows,
    Sides,
    measure_bound,
    measure_cross_entropy,
    measure_mean_code,
    measure_minibatch,
    measure_surrogate,
)
from vaelab.runs.lookup import load_experiment
from vaelab.runs.names import shipped_traps
from vaelab.runs.render import figure_context
from vaelab.training import Start, train
from vaelab.yamlfile import read_yaml

Measure = Literal["elbo", "rate", "surrogate", "mean_code", "cross_entropy", "minibatch"]
MEASURES: dict[Measure, Callable[[FigureContext, FigureContext], Sides]] = {
    "elbo": partial(measure_bound, "elbo_nats"),
    "rate": partial(measure_bound, "rate_nats"),
    "surrogate": measure_surrogate,
    "mean_code": measure_mean_code,
    "cross_entropy": measure_cross_entropy,
    "minibatch": measure_minibatch,
}


class TrapSide(Config):
    """The mistake, or the cure."""

    name: str
    """What is done."""
    set: tuple[str, ...] = ()
    """Overrides that do it; none on both sides: one run is measured in two ways."""


class Trap(Config):
    """A classic mistake, to be run beside what is right."""

    title: str
    """What the mistake is, in a few words."""
    config: str = "digits"
    """The shipped config that both sides are."""
    set: tuple[str, ...] = ()
    """Overrides of both."""
    wrong: TrapSide
    """The mistake."""
    right: TrapSide
    """The cure."""
    measure: Measure
    """How the two numbers are measured."""
    why: str
    """A few sentences for a student."""
    reference: str
    """Who says so."""

    def experiments(self, name: str) -> tuple[Experiment, Experiment]:
        """What is trained for either side; the same where they differ in the measure alone."""
        alike = self.wrong.set == self.right.set
        wrong, right = (
            load_experiment(
                self.config,
                [*self.set, *side.set, *NO_PICTURES,
                 f"task_name=trap_{name}" + ("" if alike else f"_{which}")],
            )[0]
            for which, side in (("wrong", self.wrong), ("right", self.right))
        )  # fmt: skip
        return wrong, right


def traps() -> dict[str, Trap]:
    """Those that come with vaelab, by name."""
    return {
        name: validate(Trap, read_yaml(path), str(path)) for name, path in shipped_traps().items()
    }


def trap_named(name: str) -> Trap:
    """A trap."""
    known = traps()
    if name in known:
        return known[name]
    raise MissingFileError(
        f"there is no trap `{name}`; {near(name, known)}the traps are {', '.join(known)}"
    )


@dataclass(frozen=True, eq=False)
class TrapResult:
    """A trap that was run: what either side shows, and where the two are drawn."""

    trap: Trap
    wrong: Evidence
    right: Evidence
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
            value = f"[bold]{with_error(number.value, number.standard_error)}[/bold] {number.unit}"
            table.add_row(word, escape(side.name))
            table.add_row("", f"{shown.name}: {value} ({escape(number.estimator)})")
        yield Padding(table, (1, 0))
        yield escape(self.trap.why)
        yield f"[dim]{escape(self.trap.reference)}[/dim]"


def run_trap(name: str, folder: Path, console: Console) -> TrapResult:
    """Train both sides of a trap, measure them, and draw them beside each other.

    Runs that are finished are not trained again. The picture lies beside them.
    """
    trap = trap_named(name)
    wrong, right = trap.experiments(name)
    sides = [_trained(one, folder, console) for one in dict.fromkeys((wrong, right))]
    shown = MEASURES[trap.measure](sides[0], sides[-1])
    picture = save_png(draw_sides(trap, *shown), folder / f"trap_{name}.png")
    return TrapResult(trap, *shown, picture)


def listed() -> Table:
    """The traps, for a terminal."""
    table = Table(box=SIMPLE, show_header=False, caption="`vaelab trap NAME` runs one")
    table.add_column(style="cyan", no_wrap=True)
    table.add_column()
    for name, trap in traps().items():
        table.add_row(name, escape(trap.title))
    return table


def _trained(experiment: Experiment, folder: Path, console: Console) -> FigureContext:
    epochs = experiment.training.epochs
    with console.status(f"training {experiment.task_name}, {epochs} epochs"):
        outcome = train(experiment, folder, Start.RESUME)
    run = outcome.run
    if outcome.stopped is not None:
        what = f"{run.path} was stopped; the same command goes on with it"
        raise StoppedError(what, outcome.signal)
    return figure_context(run)


SIDE, GAP, HEAD = 420, 24, 58
NAMES, AXIS = 72, 46
PLOT = 240
BETWEEN = 2
"""Paper between pictures, pixels."""


def draw_sides(trap: Trap, wrong: Evidence, right: Evidence) -> Figure:
    """What is wrong to the left, what is right to the right, each with its number."""
    height = max(_height(wrong), _height(right))
    width = 2 * (NAMES + SIDE) + GAP + MARGIN
    note = f"{wrong.number.unit} per image of {trap.config}, none of them a test image"
    page = Page(width, HEAD + height + MARGIN, trap.title, note)
    limits = _range(wrong, right)
    sides = (("wrong", CONTRAST, trap.wrong.name, wrong), ("right", ACCENT, trap.right.name, right))
    for place, (word, color, name, shown) in enumerate(sides):
        left = NAMES + place * (SIDE + GAP + NAMES)
        page.text(left, 0, f"{word}: {name}", size=10.5, color=color, weight="bold")
        name = shown.name.removesuffix("_nats").replace("_", " ")
        value = f"{number(float(f'{shown.number.value:.4g}'))} {shown.number.unit}"
        page.text(left, 22, f"{name}: {value}", size=10, color=INK)
        if isinstance(shown.picture, Curve):
            _draw_curve(page, left, shown.picture, color, limits)
        else:
            _draw_sheet(page, left, shown.picture)
    return page.figure


def _height(shown: Evidence) -> int:
    if isinstance(shown.picture, Curve):
        return PLOT + AXIS
    return sum(_factor(row) * row.shape[1] + 2 * BETWEEN for _, row in shown.picture)


def _factor(pictures: UInt8[np.ndarray, "n h w c"]) -> int:
    return fitting(pictures.shape[2] * COLUMNS, SIDE - BETWEEN * COLUMNS)


def _draw_sheet(page: Page, left: int, rows: Rows) -> None:
    top = HEAD
    for name, pictures in rows:
        row = tile(magnify(pictures, _factor(pictures))[None], BETWEEN)
        page.image(left, top, row)
        page.text(left - 8, top + row.shape[0] // 2 - 6, name, color=SOFT, align="right")
        top += row.shape[0] + BETWEEN


def _draw_curve(
    page: Page, left: int, curve: Curve, color: str, limits: tuple[float, float]
) -> None:
    axes = page.axes(left, HEAD, SIDE, PLOT)
    axes.plot(range(len(curve.at)), curve.nats, color=color, marker="o", linewidth=1.8)
    axes.set_xticks(range(len(curve.at)), [str(at) for at in curve.at])
    axes.set_ylim(*limits)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(curve.name, size=9, color=INK)
    axes.set_ylabel("nats per image", size=9, color=INK)


def _range(wrong: Evidence, right: Evidence) -> tuple[float, float]:
    """Both curves on one scale."""
    curves = [shown.picture for shown in (wrong, right) if isinstance(shown.picture, Curve)]
    values = [value for curve in curves for value in curve.nats] or [0.0]
    margin = 0.08 * (max(values) - min(values)) or 1.0
    return min(values) - margin, max(values) + margin
