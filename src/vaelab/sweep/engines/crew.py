"""Workers that claim trials themselves: started, watched, replaced where they end too early."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from time import sleep

from vaelab.errors import BadValueError
from vaelab.sweep.engines.engine import REFRESH, Task
from vaelab.sweep.heart import Watch
from vaelab.sweep.reap import reap
from vaelab.sweep.study import ATTEMPTS
from vaelab.sweep.trial import GOING

FRUITLESS = ATTEMPTS
"""Deaths in a row, for each worker, after which trials that kill their workers have failed; more
without a trial that ended make no sense."""
CANNOT = 2
"""The exit code of a worker that has said what is wrong."""


class Crew(ABC):
    """The workers of one `vaelab sweep`.

    Args:
        workers: how many.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._deaths, self._ended = 0, 0

    @property
    @abstractmethod
    def names(self) -> Sequence[str]:
        """The workers that are at it."""

    @abstractmethod
    def start(self) -> None:
        """Start one more."""

    @abstractmethod
    def exit_code(self, name: str) -> int | None:
        """How a worker has ended, who is then no more at it; None while it works."""

    @abstractmethod
    def last_words(self, name: str) -> str:
        """The last line of a worker's log, and where the log is."""

    def look(self, ended: int, over: bool) -> list[str]:
        """Replace workers that ended before the sweep did; their names.

        Args:
            ended: trials that have ended by now.
            over: whether all have.

        Raises:
            BadValueError: a worker cannot work, or one after the other dies.
        """
        if ended > self._ended:
            self._ended, self._deaths = ended, 0
        replaced = []
        for name in list(self.names):
            code = self.exit_code(name)
            if code is None or (code == 0 and over):
                continue
            if code == CANNOT:
                raise BadValueError(self.last_words(name))
            self._deaths += code != 0
            if self._deaths > FRUITLESS * self.workers:
                raise BadValueError(
                    f"one worker after the other dies; the last: {self.last_words(name)}"
                )
            replaced.append(name)
            self.start()
        return replaced


def last_line(text: str) -> str:
    """The last line of a log."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def attend(crew: Crew, task: Task) -> None:
    """Show how the trials get on, and look after the crew, until all is done or it is to stop."""
    watch = Watch(task.folder)
    while crew.names and not task.interrupt.requested:
        trials = task.study.trials()
        task.board.show(trials)
        for name in crew.look(sum(trial.state not in GOING for trial in trials), task.over):
            task.board.say(f"the worker {name} ended too early; another goes on with its trials")
            with task.study.alone():
                reap(task.study, watch, watch.living())
        sleep(REFRESH)
