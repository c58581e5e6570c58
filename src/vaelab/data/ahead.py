"""Reading in a thread, ahead of whoever uses what is read."""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

DEPTH = 4
"""Items that are ready or being made while one is used."""

T = TypeVar("T")


def ahead(items: Iterator[T]) -> Generator[T]:
    """The same items in the same order, made by a thread up to `DEPTH` before they are asked for.

    An error in making one is raised where that one would have been handed out. The thread ends
    after the last item, and when the generator is closed.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="reading-ahead") as reader:
        try:
            waiting = deque(reader.submit(next, items, None) for _ in range(DEPTH))
            while (item := waiting.popleft().result()) is not None:
                waiting.append(reader.submit(next, items, None))
                yield item
        finally:
            reader.shutdown(cancel_futures=True)
