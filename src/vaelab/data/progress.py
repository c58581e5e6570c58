"""Progress bars: on a terminal's standard error, nowhere else."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from rich.progress import track as rich_track

from vaelab.console import Console

S = TypeVar("S")
T = TypeVar("T")

THREADS = 8
"""Items worked on at once."""


def track(items: Sequence[T], title: str) -> Iterator[T]:
    """Go through `items` while a bar shows how far; silent where nobody watches."""
    console = Console(stderr=True)
    watched = console.is_terminal
    yield from rich_track(items, title, console=console, transient=True, disable=not watched)


def in_threads(work: Callable[[S], T], items: Sequence[S], title: str) -> list[T]:
    """What `work` makes of each item, several at once, while a bar shows how far; as `track`."""
    with ThreadPoolExecutor(THREADS) as pool:
        results = [pool.submit(work, item) for item in items]
        try:
            return [result.result() for result in track(results, title)]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
