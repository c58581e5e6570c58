"""A sample of the kills that `python -m tests.robustness.kills` makes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 40


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="trials are forks"),
]


def killed(*options: str) -> tuple[int, int, int]:
    """Numbers of kills, of trials, and of those that were good."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.robustness.kills", *options],
        capture_output=True, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    counts = [map(int, found) for found in re.findall(r": (\d+) kills in (\d+) tri.* (\d+) good",
                                                      done.stdout)]  # fmt: skip
    kills, trials, good = map(sum, zip(*counts, strict=True))
    return kills, trials, good


def test_a_training_killed_anywhere_goes_on_to_the_same_end() -> None:
    kills, trials, good = killed("--kills", str(KILLS))
    assert kills >= KILLS
    assert trials == good


def test_replicas_killed_between_their_saves_go_on_together() -> None:
    kills, trials, good = killed("--saves")
    assert kills == trials == good > 3 * 4
