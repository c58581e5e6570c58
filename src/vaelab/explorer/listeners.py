"""The pages that hear about a training."""

import asyncio

from vaelab.explorer.watch import Watch

MAX_WAITING_FRAMES = 256


class Listener:
    """One page: everything in order, and of snapshots the newest, once the last has been drawn.

    `asked` is set when it shows another run.
    """

    def __init__(self) -> None:
        self.watch: Watch | None = None
        self.asked = asyncio.Event()
        self.ready = True
        self.snapshot: bytes | None = None
        self.waiting: asyncio.Queue[bytes] = asyncio.Queue(MAX_WAITING_FRAMES)

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
    """All pages that are open."""

    def __init__(self) -> None:
        self._all: set[Listener] = set()
        self._newest: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._all)

    def add(self) -> Listener:
        """A page has opened: it hears the state, and the newest snapshot."""
        listener = Listener()
        for kind, message in self._newest.items():
            listener.take(kind, message)
        self._all.add(listener)
        return listener

    def remove(self, listener: Listener) -> None:
        """A page has closed."""
        self._all.discard(listener)

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
