"""Sides of a comparison, timed in turn over several rounds, and the spread of their ratios.

A machine grows warm and its neighbours come and go, so a time alone says little. Every side is
timed in every round, the order turned round each time, and a ratio is formed within a round.
"""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter, sleep

LEAD = 3
"""Untimed units before a block: threads wake and caches fill."""
FEWEST, MOST = 5, 2_000
PAUSE = 0.2
"""Seconds between blocks, in which the threads of the last side go to sleep."""


@dataclass(frozen=True)
class Spread:
    """Median and range over rounds."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def over(cls, values: Iterable[float]) -> "Spread":
        """The spread of one value per round."""
        ordered = sorted(values)
        return cls(statistics.median(ordered), ordered[0], ordered[-1], len(ordered))


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Attributes:
        name: unique within its comparison.
        block: has a block of work done in another process and returns seconds per unit of it (a
            step, a whole process, ...).
        ready: waits until that process is ready.
        count_threads: PyTorch's in that process after a block; 0 where they are not known.
    """

    name: str
    block: Callable[[], float]
    ready: Callable[[], object] = bool
    count_threads: Callable[[], int] = int

    @property
    def threads(self) -> int:
        """PyTorch's in that process at its last block."""
        return self.count_threads()


class Block:
    """Some units of work in a row, as many as fill about `seconds`.

    The first call finds the number of units; it stays the same in every round.

    Args:
        run: does so many units and returns seconds per unit.
        seconds: wanted length of a block.
    """

    def __init__(self, run: Callable[[int], float], seconds: float) -> None:
        self._run = run
        self._seconds = seconds
        self._count = 0

    def __call__(self) -> float:
        """Seconds per unit."""
        self._run(LEAD)
        if not self._count:
            self._count = min(MOST, max(FEWEST, round(self._seconds / self._run(LEAD))))
        return self._run(self._count)


@dataclass(frozen=True)
class Rounds:
    """Seconds per unit of every side in every round."""

    seconds: dict[str, list[float]]

    def ratio(self, numerator: str, denominator: str, factor: float = 1.0) -> Spread:
        """The spread of factor * numerator / denominator, formed within each round."""
        pairs = zip(self.seconds[numerator], self.seconds[denominator], strict=True)
        return Spread.over(factor * above / below for above, below in pairs)

    def milliseconds(self, name: str) -> float:
        """Median of a side, milliseconds per unit."""
        return 1e3 * statistics.median(self.seconds[name])


def timed(work: Callable[[], object]) -> float:
    """Seconds that a piece of work takes."""
    begun = perf_counter()
    work()
    return perf_counter() - begun


def interleave(
    sides: Sequence[Side],
    rounds: int,
    warm: bool,
    say: Callable[[str], object],
    pause: float = PAUSE,
) -> Rounds:
    """Time every side in every round.

    Args:
        sides: in the order of the first round; every second round goes the other way.
        rounds: that count.
        warm: whether a round that does not count goes before them.
        say: told what is under way.
        pause: seconds before each block.
    """
    seconds: dict[str, list[float]] = {side.name: [] for side in sides}
    for side in sides:
        say(f"starting {side.name}")
        side.ready()
    for number in range(0 if warm else 1, rounds + 1):
        for side in sides if number % 2 else reversed(sides):
            say(f"round {number} of {rounds}, {side.name}")
            sleep(pause)
            value = side.block()
            if number:
                seconds[side.name].append(value)
    return Rounds(seconds)
