"""Progress bars: on a terminal's standard error, nowhere else."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track as rich_track

T = TypeVar("T")


def track(items: Sequence[T], title: str) -> Iterator[T]:
    """Go through `items` while a bar shows how far; silent where nobody watches."""
    console = Console(stderr=True)
    watched = console.is_terminal
    yield from rich_track(items, title, console=console, transient=True, disable=not watched)
