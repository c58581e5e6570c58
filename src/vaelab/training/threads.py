"""How many threads a training computes with on a CPU.

PyTorch's threads spin while they wait for each other. With one more of them than there are free
cores, a step costs several times as much: far more than the last of them could ever gain.
"""

import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import torch

from vaelab.distributed import size
from vaelab.training.callback import Callback

if TYPE_CHECKING:
    from vaelab.training.training import Training

WINDOW = 1.0
"""Seconds of steps that are looked at together."""
LOST = 0.4
"""Cores that another program may take before threads are given up."""
PAUSE = 3.0
"""Seconds of steps with fewer threads, after which all are tried again."""
TRIAL = 0.25
"""Seconds of steps that such a trial takes."""


class ThreadThrottle(Callback):
    """Gives up half of the threads while another program takes cores that they spin on.

    Spinning threads use all the processor time there is, so what is missing went elsewhere.

    Attributes:
        threads: computing now.
        settled: the same, but for a trial of all that is under way.
    """

    def __init__(self, threads: int = 1) -> None:
        self.threads = self.most = self.settled = threads
        self._windows = 0
        self._wall, self._used = 0.0, 0.0
        self._waited = 0.0
        self._began: tuple[float, float] | None = None
        self._said: set[str] = set()

    def on_start(self, training: "Training") -> None:
        self.threads = self.most = self.settled = torch.get_num_threads()

    def before_step(self, training: "Training") -> None:
        self.begin()

    def on_step(self, training: "Training") -> None:
        before = self.settled
        if self.end():
            torch.set_num_threads(self.threads)
        if self.settled != before:
            self._tell(training, self.settled > before)
        training.progress.threads = self.settled

    def on_epoch(self, training: "Training") -> None:
        self._began = None  # validation and pictures are not looked at

    def begin(self) -> None:
        """A step begins."""
        self._began = perf_counter(), process_time()

    def end(self) -> bool:
        """A step has ended; whether there are to be more or fewer threads from now on."""
        if self._began is None or self.most == 1:
            return False
        self._wall += perf_counter() - self._began[0]
        self._used += process_time() - self._began[1]
        self._began = None
        trying = self.threads != self.settled
        if self._wall < (TRIAL if trying else WINDOW):
            return False
        lost = self.threads - self._used / self._wall
        wall, self._wall, self._used = self._wall, 0.0, 0.0
        before, busy = self.threads, lost > LOST
        if trying:
            self._waited = 0.0
            self.threads = self.settled = self.settled if busy else self.most
        elif busy and self.threads > 1:
            self._windows += 1
            if self._windows == 2:
                self.threads = self.settled = self.threads // 2
                self._windows, self._waited = 0, 0.0
        else:
            self._windows, self._waited = 0, self._waited + wall
            if self._waited >= PAUSE:
                self.threads = self.most  # a trial, where these are more
        return self.threads != before

    def _tell(self, training: "Training", more: bool) -> None:
        """Say once that threads were given up, and once that they are back."""
        words = "the processor is free again" if more else "another program uses the processor"
        if words not in self._said:
            self._said.add(words)
            threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
            training.say(f"{words}: going on with {threads}")


def available_cores() -> int:
    """How many cores this process may use, which a cluster may say."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def computing(trainings: Sequence["Training"]) -> Iterator[None]:
    """In this block PyTorch computes with the threads of the config, or those of before."""
    before, config = torch.get_num_threads(), trainings[0].config
    progress = trainings[0].progress
    kept = progress.threads if progress.processes == size() else 0
    torch.set_num_threads(config.threads or kept or before)
    for training in trainings:
        training.progress.threads = torch.get_num_threads()
        training.progress.processes = size()
    gc.collect()
    gc.freeze()  # what is there now stays: no need to look through it every time
    try:
        yield
    finally:
        gc.unfreeze()
        torch.set_num_threads(before)
