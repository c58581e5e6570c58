"""A published table as data: what was trained, what came out, and what we run for it."""

from pathlib import Path

from pydantic import Field

from vaelab.config import Config, read_yaml, validate
from vaelab.errors import MissingFileError

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
    """Numbers by the names that `vaelab evaluate` gives them, in nats per image."""


class Budget(Config):
    """How much of it is run."""

    set: tuple[str, ...] = ()
    """Overrides of every row's config."""
    seeds: int = Field(default=1, ge=1, le=64)
    """Runs of each row."""
    means: str
    """In words, for the table."""


class PublishedTable(Config):
    """What a paper says."""

    title: str
    """What was compared."""
    source: str
    """Where it was published."""
    samples: int = Field(default=1000, ge=1)
    """K of the importance weighted estimate."""
    rows: tuple[Row, ...]
    """Its lines."""
    notes: tuple[str, ...] = ()
    """Where ours is not what was published."""
    budgets: dict[str, Budget]
    """By name."""


def tables() -> dict[str, Path]:
    """The tables that can be repeated, by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def table_named(name: str) -> PublishedTable:
    """A table.

    Raises:
        MissingFileError: there is none of this name.
    """
    known = tables()
    if name not in known:
        raise MissingFileError(f"there is no table `{name}`; there are {', '.join(known)}")
    return validate(PublishedTable, read_yaml(known[name]), str(known[name]))
