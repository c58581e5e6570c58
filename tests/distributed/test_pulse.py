"""Who still lives, and what they tell each other."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from time import sleep

import pytest
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from tests.distributed.conftest import free_port
from vaelab.distributed.pulse import OVER, SILENCE, Heard, LostRankError, Pulse
from vaelab.distributed.seat import Seat
from vaelab.distributed.world import World
from vaelab.errors import BadCombinationError


@contextmanager
def worlds(size: int) -> Iterator[list[World]]:
    """Processes that are threads here; no call to the store may take a second."""
    port, names = free_port(), [f"host, process {rank}" for rank in range(size)]
    stores = [
        TCPStore(
            "127.0.0.1", port, is_master=rank == 0, wait_for_workers=False,
            timeout=timedelta(seconds=1),
        )
        for rank in range(size)
    ]  # fmt: skip
    seats = [Seat(rank, size, rank, size, "127.0.0.1", port) for rank in range(size)]
    pulses = [Pulse(seat, store, names) for seat, store in zip(seats, stores, strict=True)]
    yield [World(rank, size, rank, stores[rank], pulses[rank]) for rank in range(size)]
    for pulse in reversed(pulses):
        pulse.stop()


def test_they_wait_for_each_other_however_long_that_takes() -> None:
    with worlds(2) as (first, second), ThreadPoolExecutor() as others:
        waiting = others.submit(second.tell, "b")
        sleep(1.5)
        assert not waiting.done()
        assert first.tell("a") == waiting.result() == ["a", "b"]


def test_all_refuse_what_one_was_given_otherwise() -> None:
    with worlds(3) as all_of_them, ThreadPoolExecutor() as others:
        given = [{"config": "1", "data": "2"}, {"config": "1", "data": "2"}, {"config": "1"}]
        asked = [
            others.submit(world.agree, facts)
            for world, facts in zip(all_of_them, given, strict=True)
        ]
        for one in asked:
            with pytest.raises(BadCombinationError, match="rank 2 has not the same data as rank 0"):
                one.result()


def test_who_waits_for_one_that_has_ended_is_told() -> None:
    with worlds(2) as (first, second):
        assert second._pulse is not None
        second._pulse.stop()
        with pytest.raises(LostRankError, match=r"rank 1 \(host, process 1\) has ended"):
            first.wait()


def test_who_ends_after_it_was_heard_is_not_missed() -> None:
    with worlds(3) as (first, second, third), ThreadPoolExecutor() as others:
        leading = others.submit(first.wait)
        early = others.submit(second.wait)
        sleep(0.1)
        assert second._pulse is not None
        with_third = others.submit(third.wait)
        early.result()
        second._pulse.stop()
        with_third.result()
        leading.result()


def test_a_minute_without_a_sign_is_silence() -> None:
    heard = Heard(3)
    for second in range(0, int(SILENCE) + 1, 5):
        assert heard.silent([str(second).encode(), b"4", OVER], second) == []
    assert heard.silent([b"new", b"4", OVER], SILENCE + 5) == [1]
    assert heard.silent([b"newer", b"5", OVER], SILENCE + 10) == []


def test_who_was_stopped_itself_takes_nobody_for_silent() -> None:
    heard = Heard(2)
    assert heard.silent([b"1", b"1"], 0) == []
    assert heard.silent([b"1", b"1"], 10 * SILENCE) == []
