"""Published tables run again: ours beside theirs, with seeds and spread."""

from vaelab.reproduction.repeat import Line, Repetition, reproduce
from vaelab.reproduction.table import (
    Budget,
    PublishedTable,
    Row,
    overview,
    table_named,
    tables,
)

__all__ = [
    "Budget",
    "Line",
    "PublishedTable",
    "Repetition",
    "Row",
    "overview",
    "reproduce",
    "table_named",
    "tables",
]
