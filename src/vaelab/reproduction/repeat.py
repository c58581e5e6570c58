"""Running a published table, and setting ours beside theirs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from statistics import mean, stdev

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from vaelab.console import Console
from vaelab.errors import BadValueError, StoppedError
from vaelab.evaluation import evaluate
from vaelab.experiment import Experiment
from vaelab.library import load_experiment
from vaelab.metrics import BoundMetric, IWAEMetric
from vaelab.reproduction.continuous import AS_IT_IS, MAPPED, measure_as_continuous
from vaelab.reproduction.table import Budget, PublishedTable, Row, table_named
from vaelab.run import Run
from vaelab.training import Start, replicas, train_together

NO_PICTURES = ("figures={every_epoch: [], at_end: []}", "explorer.keep=0")


@dataclass(frozen=True)
class Line:
    """One number of one row: what was published, and what each of our runs gave."""

    row: str
    number: str
    published: float
    ours: tuple[float, ...]
    standard_error: float
    """Over seeds where there are several, else over images."""


@dataclass(frozen=True)
class Repetition:
    """A table with our numbers."""

    published: PublishedTable
    budget: Budget
    lines: tuple[Line, ...]

    def table(self) -> Table:
        """Ours beside theirs, for a terminal."""
        several = self.budget.seeds > 1
        error = f"{self.budget.seeds} seeds, {_reach(self.budget.seeds)}" if several else "images"
        table = Table(
            box=SIMPLE,
            title=escape(self.published.title),
            caption=f"nats per image; ours: {escape(self.budget.means)}; ± standard error over "
            f"{error}. Published: {escape(self.published.source)}.",
        )
        for name, justify in (("", "left"), ("number", "left"), ("published", "right"),
                              ("ours", "right"), ("ours − published", "right")):  # fmt: skip
            table.add_column(name, justify=justify)  # type: ignore[arg-type]
        for line in self.lines:
            ours = mean(line.ours)
            table.add_row(
                escape(line.row), line.number, f"{line.published:.2f}",
                f"{ours:.2f} ± {line.standard_error:.2f}", f"{ours - line.published:+.2f}",
            )  # fmt: skip
        return table


def reproduce(name: str, budget: str, folder: Path, console: Console) -> Repetition:
    """Train and measure every row of a table; what is finished already is not done again.

    Args:
        name: of the table.
        budget: one of the table's.
        folder: where the runs lie.
        console: where progress is shown.

    Raises:
        UserError: no such table or budget, or a run cannot be trained.
    """
    published = table_named(name)
    if budget not in published.budgets:
        known = ", ".join(published.budgets)
        raise BadValueError(f"table `{name}` has no budget `{budget}`; it has {known}")
    chosen = published.budgets[budget]
    lines: list[Line] = []
    for row in published.rows_of(chosen):
        console.say(f"== {row.name}")
        experiments = experiments_of(row, chosen, f"{name}_{budget}")
        outcomes = train_together(experiments, folder, Start.RESUME, console)
        if stopped := [outcome for outcome in outcomes if outcome.stopped]:
            what = f"`{row.name}` was stopped; the same command goes on with it"
            raise StoppedError(what, stopped[0].signal)
        runs = [outcome.run for outcome in outcomes]
        lines += _lines(row, runs, chosen.samples, console)
    return Repetition(published, chosen, tuple(lines))


def experiments_of(row: Row, budget: Budget, prefix: str) -> list[Experiment]:
    """A row's runs under a budget, one for each seed."""
    name = "_".join([prefix, *row.name.split()])
    assignments = [*budget.set, *row.set, *NO_PICTURES, f"task_name={name}",
                   f"training.replicas={budget.seeds}"]  # fmt: skip
    return replicas(load_experiment(row.config, assignments)[0])


def _lines(row: Row, runs: Sequence[Run], samples: int, console: Console) -> list[Line]:
    published = {
        f"nll_iwae{samples}_nats" if name == "nll" else name: value
        for name, value in row.published.items()
    }
    found = []
    for run in runs:
        continuous = {AS_IT_IS, MAPPED} & published.keys()
        if not published.keys() - continuous <= _measured(run):
            evaluate(run, samples=samples, console=console, metrics=[BoundMetric(), IWAEMetric()])
        more = measure_as_continuous(run) if continuous else {}
        found.append(run.evaluation().get("numbers", {}) | {n: asdict(v) for n, v in more.items()})
    lines = []
    for number, theirs in published.items():
        values = tuple(numbers[number]["value"] for numbers in found)
        error = found[0][number]["standard_error"] or 0.0
        if len(values) > 1:
            error = stdev(values) / sqrt(len(values))
        lines.append(Line(row.name, number, theirs, values, error))
    return lines


def _measured(run: Run) -> set[str]:
    """Names of the numbers that are known of the weights and test images that the run has now."""
    evaluation, store = run.evaluation(), run.experiment.data.load()
    found = [evaluation.get(name) for name in ("split", "images", "data_checksum")]
    if found != ["test", len(store.test), store.checksum] or not run.has_measured(evaluation):
        return set()
    return set(evaluation["numbers"])


def _reach(seeds: int) -> str:
    """What a standard error over few seeds is worth, by Student's t."""
    from scipy.stats import t  # half a second to import, seldom needed

    return f"of which a 95% interval is {t.ppf(0.975, seeds - 1):.1f} times as wide"
