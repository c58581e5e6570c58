"""How many threads a training takes, and when it gives some up."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
import torch

from tests.training.conftest import tiny
from vaelab.training import threads, train
from vaelab.training.state import read_progress
from vaelab.training.threads import PAUSE, WINDOW, ThreadThrottle


@dataclass
class Clocks:
    """A wall clock and the processor time of a process, moved by hand."""

    wall: float = 0.0
    used: float = 0.0


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks = Clocks()
    monkeypatch.setattr(threads, "perf_counter", lambda: clocks.wall)
    monkeypatch.setattr(threads, "process_time", lambda: clocks.used)
    return clocks


def steps(
    pace: ThreadThrottle, clocks: Clocks, seconds: float, cores: Callable[[int], float]
) -> list[int]:
    """The threads that are settled on, one after the other, in so many seconds of steps.

    `cores` says how many cores' time so many threads get.
    """
    settled = [pace.settled]
    for _ in range(round(seconds * 8)):
        pace.begin()
        clocks.wall += 1 / 8
        clocks.used += cores(pace.threads) / 8
        pace.end()
        if pace.settled != settled[-1]:
            settled.append(pace.settled)
        clocks.wall += 0.3  # validation, pictures: not looked at
    return settled


def free(threads: int) -> float:
    """Nobody else computes."""
    return 0.99 * threads


def beside_another(threads: int) -> float:
    """Another program keeps one core of four busy."""
    return min(0.99 * threads, 3.2)


def test_with_the_cores_to_itself_it_keeps_them(clocks: Clocks) -> None:
    assert steps(ThreadThrottle(4), clocks, 20, free) == [4]


def test_half_of_them_give_way_to_another_program_and_come_back_after_it(clocks: Clocks) -> None:
    pace = ThreadThrottle(4)
    assert steps(pace, clocks, 5, free) == [4]
    assert steps(pace, clocks, 3, beside_another) == [4, 2]
    assert steps(pace, clocks, 20, beside_another) == [2]  # a trial now and then finds it there
    assert steps(pace, clocks, PAUSE + WINDOW, free) == [2, 4]


def test_one_thread_alone_tries_for_more(clocks: Clocks) -> None:
    pace = ThreadThrottle(2)
    assert steps(pace, clocks, 3, lambda threads: 0.6 * threads) == [2, 1]
    assert steps(pace, clocks, 20, lambda threads: 0.6 * threads) == [1]
    assert steps(pace, clocks, PAUSE + WINDOW, free) == [1, 2]


def test_a_trial_is_short(clocks: Clocks) -> None:
    """What all threads cost beside another program is paid for one part in twelve of the time."""
    pace = ThreadThrottle(4)
    steps(pace, clocks, 5, beside_another)
    tried = 0
    for _ in range(8 * 100):
        steps(pace, clocks, 1 / 8, beside_another)
        tried += pace.threads > pace.settled
    assert 0 < tried <= 8 * 100 / 12


def test_a_busy_moment_changes_nothing(clocks: Clocks) -> None:
    pace = ThreadThrottle(2)
    for _ in range(5):
        assert steps(pace, clocks, 1, lambda threads: 1.2) == [2]
        assert steps(pace, clocks, 2, free) == [2]


def test_the_only_thread_stays(clocks: Clocks) -> None:
    assert steps(ThreadThrottle(1), clocks, 20, lambda threads: 0.3) == [1]


@pytest.mark.slow
@pytest.mark.usefixtures("clocks")  # which stand still: what else runs here does not matter
def test_a_training_leaves_the_setting_as_it_was_and_says_what_it_took(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    run = train(tiny(), tmp_path).run
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)
    assert run.environment()["threads"] == read_progress(run.resume_path).threads == 2
    train(tiny("task_name=three", "training.threads=3"), tmp_path)
    assert read_progress(tmp_path / "three" / "resume.safetensors").threads == 3
    assert torch.get_num_threads() == before
    train(tiny("task_name=one"), tmp_path)
    assert read_progress(tmp_path / "one" / "resume.safetensors").threads == before


def test_a_training_that_another_program_slows_goes_on_with_fewer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = count()
    monkeypatch.setattr(threads, "perf_counter", lambda: float(next(seconds)))
    monkeypatch.setattr(threads, "process_time", lambda: 0.0)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    run = train(tiny(), tmp_path).run
    torch.set_num_threads(before)
    assert run.environment()["threads"] == read_progress(run.resume_path).threads == 1
