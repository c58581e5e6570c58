"""What was measured: rows of one table, and the same as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks.timing import Spread

WIDTH = 150
"""Of the table where no terminal says how wide it is, characters."""


BUSY = 0.5
"""Mean number of running processes, beyond which the numbers are doubtful."""


@dataclass(frozen=True)
class Row:
    """One ratio.

    Attributes:
        subject: what was measured.
        ratio_of: numerator / denominator, in words.
        ratio: its spread over rounds; None where it could not be measured.
        beside: numbers with their units, for a person.
        numbers: the same for a program; names end in their units.
        threads: of each side.
    """

    subject: str
    ratio_of: str
    ratio: Spread | None
    beside: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    threads: Mapping[str, int] = field(default_factory=dict)


def absent(subject: str, why: str) -> Row:
    """A row that says why something was not measured."""
    return Row(subject, "not measured", None, why)


@dataclass(frozen=True)
class Result:
    """The rows of one section, how to read them, and how long they took to measure."""

    section: str
    explanation: str
    rows: Sequence[Row]
    seconds: float = 0.0


def show(results: Sequence[Result], machine: Mapping[str, Any], console: Console) -> None:
    """Print one table of all sections, then how to read each."""
    table = Table(box=SIMPLE, title="Ratios: median and range over rounds, sides interleaved")
    for name in ("section", "of what", "ratio of"):
        table.add_column(name, overflow="fold")
    for name in ("median", "min .. max", "rounds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("beside", overflow="fold")
    for result in results:
        for row in result.rows:
            spread = row.ratio
            numbers = ("-", "-", "-")
            if spread is not None:
                numbers = (
                    short(spread.median),
                    f"{short(spread.low)} .. {short(spread.high)}",
                    str(spread.rounds),
                )
            table.add_row(result.section, row.subject, row.ratio_of, *numbers, row.beside)
        table.add_section()
    wide = console if console.is_terminal else Console(width=WIDTH, markup=False)
    wide.print(table)
    for result in results:
        heading = f"{result.section} (measured in {result.seconds:.0f} s): "
        wide.print(heading + result.explanation, markup=False, highlight=False)
    if machine["load_before"] > BUSY:
        wide.print(
            f"The machine was busy before this began (load {machine['load_before']}). PyTorch's "
            "threads spin while they wait, so on a busy machine sides with more threads suffer "
            "more than their share: measure again when it is idle.", markup=False,
        )  # fmt: skip
    facts = ", ".join(f"{name} {value}" for name, value in machine.items())
    wide.print(f"machine: {facts}", markup=False, highlight=False)


def save(
    path: Path, results: Sequence[Result], machine: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
    """Write everything as JSON."""
    content = {
        "machine": dict(machine),
        "options": dict(options),
        "sections": [asdict(result) for result in results],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def short(value: float) -> str:
    """Three significant digits without an exponent."""
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:.4f}" if abs(value) < 0.1 else f"{value:,.{digits}f}"
