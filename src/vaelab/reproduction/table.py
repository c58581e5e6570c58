"""A published table as data: what was trained, what came out, and what we run for it."""

from pathlib import Path

from pydantic import Field, model_validator
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from vaelab.config import Config, validate
from vaelab.errors import MissingFileError
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
    """A table.

    Raises:
        MissingFileError: there is none of this name.
    """
    known = tables()
    if name not in known:
        raise MissingFileError(f"there is no table `{name}`; there are {', '.join(known)}")
    return validate(PublishedTable, read_yaml(known[name]), str(known[name]))
