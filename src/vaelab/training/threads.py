"""How many threads a training computes with on a CPU.

PyTorch's threads spin while they wait for each other. With one more of them than there are free
cores, a step costs several times as much: far more than the last of them could ever gain.
"""

from time import perf_counter, process_time

WINDOW = 1.0
"""Seconds of steps that are looked at together."""
LOST = 0.4
"""Cores that another program may take before threads are given up."""


class Pace:
    """Notices when another program takes cores that the threads spin on.

    Spinning threads use all the processor time there is, so what is missing went elsewhere.

    Args:
        threads: computing now.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._windows = 0
        self._wall, self._used = 0.0, 0.0

    def begin(self) -> None:
        """A step begins."""
        self._wall -= perf_counter()
        self._used -= process_time()

    def end(self) -> bool:
        """A step has ended; whether half of the threads should be given up."""
        self._wall += perf_counter()
        self._used += process_time()
        if self.threads == 1 or self._wall < WINDOW:
            return False
        lost = self.threads - self._used / self._wall
        self._wall, self._used = 0.0, 0.0
        self._windows = self._windows + 1 if lost > LOST else 0
        if self._windows < 2:
            return False
        self.threads, self._windows = self.threads // 2, 0
        return True
