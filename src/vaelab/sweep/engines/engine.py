"""What a sweep's workers are started with."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from vaelab.sweep.board import Board
from vaelab.sweep.plan import Sweep
from vaelab.sweep.study import Study
from vaelab.sweep.supply import over
from vaelab.training.interrupt import Interrupt

REFRESH = 0.5
"""Seconds between looks at the trials."""


@dataclass(frozen=True)
class Task:
    """A sweep that is to be worked on.

    Attributes:
        folder: of the sweep.
        sweep: what it is.
        study: its journal.
        board: what a person sees.
        interrupt: a person's wish to stop.
    """

    folder: Path
    sweep: Sweep
    study: Study
    board: Board
    interrupt: Interrupt

    @property
    def over(self) -> bool:
        """Whether all trials have ended."""
        return over(self.study, self.sweep)


class Engine(AbstractContextManager["Engine"], ABC):
    """Starts workers, and others where they are killed; it can be used inside the block."""

    @abstractmethod
    def __enter__(self) -> "Engine":
        """Find out whether it can be used.

        Raises:
            UserError: it cannot.
        """

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of what it holds; nothing by default."""
        return

    @abstractmethod
    def work(self, task: Task) -> None:
        """Work on a sweep until all its trials have ended or a person wishes to stop.

        Raises:
            UserError: a worker cannot work.
        """
