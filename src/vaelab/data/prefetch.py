"""Work done by threads, ahead of whoever uses it."""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from vaelab.console import track

MAX_AHEAD = 4
"""Items that are ready or being made while one is used."""

T = TypeVar("T")
S = TypeVar("S")
THREADS = 8
"""Items worked on at once."""


def prefetch(items: Iterator[T], depth: int = MAX_AHEAD) -> Generator[T]:
    """The same items in the same order, made by a thread up to `depth` before they are asked for.

    An error in making one is raised where that one would have been handed out. The thread ends
    after the last item, and when the generator is closed.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="reading-ahead") as reader:
        try:
            waiting = deque(reader.submit(next, items, None) for _ in range(depth))
            while (item := waiting.popleft().result()) is not None:
                waiting.append(reader.submit(next, items, None))
                yield item
        finally:
            reader.shutdown(cancel_futures=True)


def in_threads(work: Callable[[S], T], items: Sequence[S], title: str) -> list[T]:
    """What `work` makes of each item, several at once, while a bar shows how far; as `track`."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(track(pool.map(work, items), title, len(items)))
