"""A sample of the kills that `python -m tests.robustness.kills` makes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 40


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="trials are forks")
def test_a_training_killed_anywhere_goes_on_to_the_same_end() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.robustness.kills", "--kills", str(KILLS)],
        capture_output=True, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    counts = [map(int, found) for found in re.findall(r": (\d+) kills in (\d+) tri.* (\d+) good",
                                                      done.stdout)]  # fmt: skip
    kills, trials, good = map(sum, zip(*counts, strict=True))
    assert kills >= KILLS
    assert trials == good
