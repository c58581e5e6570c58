"""The pages that hear about a training."""

import asyncio
from collections.abc import Awaitable, Callable

from vaelab.explorer.watch import Watch

MOST_WAITING = 256


async def _nothing() -> None:
    """Nobody wants to know."""


class Listener:
    """One page: everything in order, and of snapshots the newest, once the last has been drawn.

    Attributes:
        watch: the run that it shows.
        asked: set when it shows another.
    """

    def __init__(self) -> None:
        self.watch: Watch | None = None
        self.asked = asyncio.Event()
        self.ready = True
        self.snapshot: bytes | None = None
        self.waiting: asyncio.Queue[bytes] = asyncio.Queue(MOST_WAITING)

    def take(self, kind: str, message: bytes) -> None:
        """Have a message sent."""
        if kind == "snapshot" and not self.ready:
            self.snapshot = message
            return
        if kind == "snapshot":
            self.ready = False
        if self.waiting.full():  # a page that hears nothing: it gets the newest
            self.waiting.get_nowait()
        self.waiting.put_nowait(message)

    def drawn(self) -> None:
        """The last snapshot has been drawn."""
        self.ready = True
        if self.snapshot is not None:
            message, self.snapshot = self.snapshot, None
            self.take("snapshot", message)


class Listeners:
    """All pages that are open.

    Attributes:
        ready_again: called when a page has drawn a snapshot.
        nobody_left: called when the last page has closed.
    """

    def __init__(self) -> None:
        self._all: set[Listener] = set()
        self._newest: dict[str, bytes] = {}
        self.ready_again: Callable[[], Awaitable[None]] = _nothing
        self.nobody_left: Callable[[], Awaitable[None]] = _nothing

    def __len__(self) -> int:
        return len(self._all)

    def add(self) -> Listener:
        """A page has opened: it hears the state, and the newest snapshot."""
        listener = Listener()
        for kind, message in self._newest.items():
            listener.take(kind, message)
        self._all.add(listener)
        return listener

    async def remove(self, listener: Listener) -> None:
        """A page has closed."""
        self._all.discard(listener)
        if self._all:
            await self.ready_again()
        else:
            await self.nobody_left()

    def send(self, kind: str, message: bytes) -> None:
        """Tell all pages."""
        if kind in {"state", "snapshot"}:
            self._newest[kind] = message
        for listener in self._all:
            listener.take(kind, message)

    def newest(self, kind: str) -> bytes | None:
        """The last state or snapshot that was sent."""
        return self._newest.get(kind)

    def forget(self, kind: str) -> None:
        """Pages that open from now on are not sent it."""
        self._newest.pop(kind, None)

    async def drawn(self, listener: Listener) -> None:
        """A page has drawn what it was sent."""
        listener.drawn()
        await self.ready_again()
