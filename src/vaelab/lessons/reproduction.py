"""Published tables run again: ours beside theirs, with seeds and spread."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Column, Table
from torch import Tensor
from torch.distributions import Distribution

from vaelab.config import Config, validate
from vaelab.console import Console
from vaelab.data import UnitPixels
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.errors import BadCombinationError, BadValueError, MissingFileError, StoppedError
from vaelab.evaluation.evaluate import evaluate
from vaelab.experiment import NO_PICTURES, Experiment
from vaelab.likelihoods.bernoulli import ContinuousBernoulli, ContinuousBernoulliPixels
from vaelab.metrics import BoundMetric, IWAEMetric, Number
from vaelab.models import VAE
from vaelab.runs.lookup import load_experiment
from vaelab.runs.run import Run
from vaelab.training import Start, replicas, train_together
from vaelab.yamlfile import read_yaml

FOLDER = Path(__file__).parent / "tables"


class Row(Config):
    """A line of a published table."""

    name: str
    """What it is called."""
    config: str
    """The shipped config that repeats it."""
    set: tuple[str, ...] = ()
    """Overrides of that config."""
    published: dict[str, float]
    """Nats per image, by the names that `vaelab evaluate` gives them; `nll` is that by the
    importance weighted estimate of the budget."""


class Budget(Config):
    """How much of it is run."""

    set: tuple[str, ...] = ()
    """Overrides of every row's config."""
    rows: tuple[str, ...] | None = None
    """Names of the rows that are run; null: all."""
    seeds: int = Field(default=1, ge=1, le=64)
    """Runs of each row."""
    samples: int = Field(default=1000, ge=1)
    """K of the importance weighted estimate."""
    means: str
    """In words, for the table."""


class PublishedTable(Config):
    """What a paper says."""

    title: str
    """What was compared."""
    source: str
    """Where it was published."""
    rows: tuple[Row, ...]
    """Its lines."""
    notes: tuple[str, ...] = ()
    """Where ours is not what was published."""
    budgets: dict[str, Budget]
    """By name."""

    def rows_of(self, budget: Budget) -> tuple[Row, ...]:
        """The rows that a budget runs."""
        wanted = budget.rows
        return self.rows if wanted is None else tuple(r for r in self.rows if r.name in wanted)

    @model_validator(mode="after")
    def _rows_exist(self) -> "PublishedTable":
        known = {row.name for row in self.rows}
        for budget in self.budgets.values():
            if unknown := set(budget.rows or ()) - known:
                raise ValueError(f"there are no rows {', '.join(sorted(unknown))}")
        return self


def tables() -> dict[str, Path]:
    """The tables that can be repeated, by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def overview() -> Table:
    """The tables with their budgets, for a terminal."""
    table = Table(box=SIMPLE, show_header=False, pad_edge=False)
    for name in tables():
        published = table_named(name)
        table.add_row(f"[cyan]{name}[/cyan]", escape(published.title))
        table.add_row("", f"[dim]{escape(published.source)}[/dim]")
        for budget, about in published.budgets.items():
            table.add_row("", f"[green]--budget {budget}[/green]: {escape(about.means)}")
    return table


def table_named(name: str) -> PublishedTable:
    """A table."""
    known = tables()
    if name not in known:
        raise MissingFileError(f"there is no table `{name}`; there are {', '.join(known)}")
    return validate(PublishedTable, read_yaml(known[name]), str(known[name]))


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
            "",
            "number",
            Column("published", justify="right"),
            Column("ours", justify="right"),
            Column("ours − published", justify="right"),
            box=SIMPLE,
            title=escape(self.published.title),
            caption=f"nats per image; ours: {escape(self.budget.means)}; ± standard error over "
            f"{error}. Published: {escape(self.published.source)}.",
        )
        for line in self.lines:
            ours = mean(line.ours)
            table.add_row(
                escape(line.row), line.number, f"{line.published:.2f}",
                f"{ours:.2f} ± {line.standard_error:.2f}", f"{ours - line.published:+.2f}",
            )  # fmt: skip
        return table


def reproduce(name: str, budget: str, folder: Path, console: Console) -> Repetition:
    """Train and measure every row of a table; what is finished already is not done again."""
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


AS_IT_IS, MAPPED = "elbo_as_continuous_nats", "elbo_mapped_nats"
LIMIT = 1e-4
"""Of the published program (github.com/cunningham-lab/cb_and_cc): p is kept so far from 0 and 1."""
KNOTS = np.linspace(0, 1 + LIMIT, 100)
"""Between which the published program interpolates the p that has a mean."""


class Mapped(ContinuousBernoulliPixels):
    """A continuous Bernoulli whose mean is to be the probability of a Bernoulli's logits.

    "The continuous Bernoulli" (Loaiza-Ganem and Cunningham, 2019, section 5, arXiv 1907.06845).
    """

    def forward(self, params: Float[Tensor, "... c h w"]) -> Distribution:
        return super().forward(mapped_logits(params.sigmoid()))


def mapped_logits(mean: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The logits of p, interpolated by the published program from the mean that p has.

    Below 0.208, the mean at the first knot, its p have larger means: 0.13 for one of 0.01.
    """
    inner = torch.from_numpy(KNOTS[1:-1]).logit()
    means = np.concatenate([[0.0], ContinuousBernoulli(inner).mean.numpy(), KNOTS[-1:]])
    p = np.interp(mean.double().clamp(LIMIT, 1 - LIMIT).numpy(), means, KNOTS)
    return torch.from_numpy(p.clip(LIMIT, 1 - LIMIT)).logit().to(mean.dtype)


def measure_as_continuous(run: Run) -> dict[str, Number]:
    """The ELBO on dequantised test images with the model's Bernoulli taken for a continuous one."""
    model = run.load_model()[0]
    if not isinstance(model, VAE) or run.experiment.model.likelihood.kind != "bernoulli":
        raise BadCombinationError(f"{run.path} is no VAE with `likelihood: {{kind: bernoulli}}`")
    loader = EvalLoader(
        run.experiment.data.load().test, UnitPixels(dequantised=True), model.classes
    )
    numbers = {}
    for name, family in ((AS_IT_IS, ContinuousBernoulliPixels), (MAPPED, Mapped)):
        model.decoder.family = family(LIMIT)
        numbers[name] = BoundMetric()(model, loader)["elbo_nats"]
    return numbers
