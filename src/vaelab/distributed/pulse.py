"""Signs of life, so that a process that is gone can be named by those that miss it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import sleep

from torch.distributed import DistError, Store, TCPStore  # type: ignore[attr-defined]

from vaelab.distributed.seat import Seat
from vaelab.errors import UserError

BEAT = 0.25
"""Seconds between signs of life."""
QUIET = 4 * BEAT
"""Seconds without one after which a process is taken for gone, once something has failed."""
LINGER = 2 * QUIET
"""Seconds that rank 0, which keeps the signs, stays for the others to read them."""


class LostRankError(UserError):
    """Another process is gone, and training cannot go on without it: that one says why."""

    exit_code = 3


class Pulse:
    """Shows the others that this process lives, in a thread, and says who no longer does.

    Args:
        seat: of this process.
        store: of all, for reading.
        names: host and process number by rank.
    """

    def __init__(self, seat: Seat, store: Store, names: list[str]) -> None:
        self._seat, self._store, self._names = seat, store, names
        self._over = threading.Event()
        # a store of its own, since a call in one thread keeps others waiting
        self._own = TCPStore(seat.address, seat.port, timeout=timedelta(seconds=30))
        self._own.set(f"pulse/{seat.rank}", "0")
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Say no more."""
        self._over.set()
        self._thread.join()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Turn a failure inside the block into a `LostRankError` where a process is gone."""
        try:
            yield
        except RuntimeError as error:
            lost = self._lost()
            if not lost:
                raise
            named = " and ".join(f"rank {rank} ({self._names[rank]})" for rank in lost)
            raise LostRankError(
                f"{named} has ended or cannot be reached, so that rank {self._seat.rank} stops; "
                "what was saved is whole, and the same command with --resume goes on from it"
            ) from error

    def _beat(self) -> None:
        beats = 0
        while not self._over.wait(BEAT):
            beats += 1
            try:
                self._own.set(f"pulse/{self._seat.rank}", str(beats))
            except (DistError, RuntimeError):  # rank 0 is gone, as will be noticed elsewhere
                return

    def _lost(self) -> list[int]:
        keys = [f"pulse/{rank}" for rank in range(self._seat.size)]
        try:
            if not self._store.check(["lost"]):
                before = self._store.multi_get(keys)
                sleep(QUIET)
                after = self._store.multi_get(keys)
                quiet = [rank for rank, beats in enumerate(before) if beats == after[rank]]
                if not quiet:
                    return []
                # those that leave because of it are not to be taken for the cause
                self._store.compare_set("lost", "", ",".join(map(str, quiet)))
            lost = [int(rank) for rank in self._store.get("lost").decode().split(",")]
            if self._seat.rank == 0:
                sleep(LINGER)
        except (DistError, RuntimeError):
            return [0]
        return lost
