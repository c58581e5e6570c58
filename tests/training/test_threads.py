"""How many threads a training takes, and when it gives some up."""

from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
import torch

from tests.training.conftest import tiny
from vaelab.training import threads, train
from vaelab.training.checkpoint import read_progress
from vaelab.training.threads import Pace


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


def steps(pace: Pace, clocks: Clocks, seconds: float, cores: float) -> int:
    """How often threads are given up in so many seconds on so many cores."""
    times = 0
    for _ in range(round(seconds * 8)):
        pace.begin()
        clocks.wall += 1 / 8
        clocks.used += cores / 8
        times += pace.end()
        clocks.wall += 0.3  # validation, pictures: not looked at
    return times


def test_with_the_cores_to_itself_it_keeps_them(clocks: Clocks) -> None:
    pace = Pace(4)
    assert steps(pace, clocks, 20, cores=3.95) == 0
    assert pace.threads == 4


def test_half_of_them_give_way_to_another_program(clocks: Clocks) -> None:
    pace = Pace(4)
    assert steps(pace, clocks, 5, cores=3.95) == 0
    assert steps(pace, clocks, 3, cores=3.2) == 1
    assert pace.threads == 2
    assert steps(pace, clocks, 20, cores=1.98) == 0


def test_a_busy_moment_changes_nothing(clocks: Clocks) -> None:
    pace = Pace(2)
    for _ in range(5):
        assert steps(pace, clocks, 1, cores=1.2) == 0
        assert steps(pace, clocks, 2, cores=1.99) == 0
    assert pace.threads == 2


def test_the_last_thread_stays(clocks: Clocks) -> None:
    assert steps(Pace(1), clocks, 20, cores=0.3) == 0


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
