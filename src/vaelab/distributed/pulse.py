"""Signs of life, so that a process that is gone can be named by those that miss it."""

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from time import monotonic, sleep

from torch.distributed import DistError, Store  # type: ignore[attr-defined]

from vaelab.distributed.leave import leave
from vaelab.distributed.seat import Seat
from vaelab.errors import UserError

BEAT = 0.25
"""Seconds between signs of life."""
QUIET = 4 * BEAT
"""Seconds without one after which a process is taken for gone, once something has failed."""
SILENCE = 60.0
"""Seconds without one after which it is taken for gone though nothing has failed.

A machine without power or network breaks no connection, and neither does a process that is stopped.
"""
LINGER = 2 * QUIET
"""Seconds that rank 0, which keeps the signs, stays for the others to read them."""
OVER = b"over"
"""The last sign of a process that ends by itself."""


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
        self._keys = [f"pulse/{rank}" for rank in range(seat.size)]
        self._over = threading.Event()
        # a connection of its own, since a call in one thread keeps others waiting
        self._own = store.clone()  # type: ignore[attr-defined]
        self._own.set_timeout(timedelta(seconds=SILENCE))
        self._own.set(self._keys[seat.rank], "0")
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Say a last word."""
        self._over.set()
        self._thread.join()
        with suppress(DistError, RuntimeError):  # rank 0 may have ended before
            self._own.set(self._keys[self._seat.rank], OVER.decode())

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Turn a failure inside the block into a `LostRankError` where a process is gone."""
        try:
            yield
        except RuntimeError as error:
            lost = self._lost()
            if not lost:
                raise
            raise self._error(lost) from error

    def wait_for(self, keys: Sequence[str]) -> None:
        """Go on when every process has written its key, however long that takes.

        Args:
            keys: in the store, by rank.

        Raises:
            LostRankError: a process has ended without.
        """
        pause = BEAT / 32
        with self.watching():
            while not self._store.check(list(keys)):
                beats = self._store.multi_get(self._keys)  # before a look at who is missing
                missing = [rank for rank, key in enumerate(keys) if not self._store.check([key])]
                if over := [rank for rank in missing if beats[rank] == OVER]:
                    raise self._error(over)
                sleep(pause)
                pause = min(2 * pause, BEAT)

    def _error(self, lost: Sequence[int]) -> LostRankError:
        named = " and ".join(f"rank {rank} ({self._names[rank]})" for rank in lost)
        return LostRankError(
            f"{named} has ended or cannot be reached, so that rank {self._seat.rank} stops; "
            "what was saved is whole, and the same command with --resume goes on from it"
        )

    def _beat(self) -> None:
        beats, heard = 0, Heard(self._seat.size)
        while not self._over.wait(BEAT):
            beats, asked = beats + 1, monotonic()
            try:
                self._own.set(self._keys[self._seat.rank], str(beats))
                silent = heard.silent(self._own.multi_get(self._keys), monotonic())
            except (DistError, RuntimeError):
                if monotonic() - asked < SILENCE:  # rank 0 has ended, as is noticed elsewhere
                    return
                silent = [0]
            if silent:  # the main thread waits for it, in a call that cannot be broken off
                print(f"vaelab: {self._error(silent)}", file=sys.stderr)
                leave(LostRankError.exit_code)

    def _lost(self) -> list[int]:
        try:
            if not self._store.check(["lost"]):
                before = self._store.multi_get(self._keys)
                sleep(QUIET)
                after = self._store.multi_get(self._keys)
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


class Heard:
    """Since when nothing new was heard of each process.

    Args:
        size: how many there are.
    """

    def __init__(self, size: int) -> None:
        self._beats, self._since = [b""] * size, [0.0] * size
        self._listened = float("-inf")

    def silent(self, beats: Sequence[bytes], now: float) -> list[int]:
        """The ranks that showed no sign for `SILENCE` seconds and have not ended by themselves.

        Args:
            beats: the last sign of each.
            now: seconds on a clock.
        """
        away = now - self._listened > SILENCE / 2  # stopped itself, perhaps with all of them
        self._listened = now
        for rank, beat in enumerate(beats):
            if away or beat != self._beats[rank]:
                self._beats[rank], self._since[rank] = beat, now
        return [
            rank
            for rank, since in enumerate(self._since)
            if now - since > SILENCE and self._beats[rank] != OVER
        ]
