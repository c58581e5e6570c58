"""Ctrl-C and SIGTERM: finish the step, save, then stop."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType


class Interrupt:
    """Whether someone asked to stop, and by which signal; who asks twice is told `how_to_go_on`."""

    def __init__(self, how_to_go_on: str = "") -> None:
        self.requested = False
        self.signal: int | None = None
        self._how_to_go_on = how_to_go_on

    def request(self, signum: int, frame: FrameType | None) -> None:
        """Note the wish; a second signal of the same kind ends the process at once."""
        if self.signal == signum:
            said = f"\nvaelab: ended at once; what was saved before is whole{self._how_to_go_on}\n"
            with suppress(OSError):  # no buffer: the signal may have come while one was written
                os.write(2, said.encode())
            signal.signal(signum, signal.SIG_DFL)
            signal.raise_signal(signum)
        self.requested, self.signal = True, signum


@contextmanager
def interruptible(how_to_go_on: str = "") -> Iterator[Interrupt]:
    """Listen for SIGINT and SIGTERM inside the block (on the main thread only)."""
    interrupt = Interrupt(how_to_go_on)
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
