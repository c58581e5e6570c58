"""Ctrl-C and SIGTERM: finish the step, save, then stop."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupt:
    """Whether someone asked to stop, and by which signal."""

    def __init__(self) -> None:
        self.requested = False
        self.signal: int | None = None

    def request(self, signum: int, frame: FrameType | None) -> None:
        """Note the wish; a second signal of the same kind ends the process at once."""
        self.requested, self.signal = True, signum
        signal.signal(signum, signal.SIG_DFL)


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """Listen for SIGINT and SIGTERM inside the block (on the main thread only)."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    former = {kind: signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)}
    for kind in former:
        signal.signal(kind, interrupt.request)
    try:
        yield interrupt
    finally:
        for kind, handler in former.items():
            signal.signal(kind, handler)
