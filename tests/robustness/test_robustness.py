"""A sample of what `python -m tests.robustness` tries."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = 20
"""Trials of each group."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="trials are forks")
def test_nothing_that_anybody_gives_it_breaks_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.robustness", "--sample", str(SAMPLE)],
        capture_output=True, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.findall(r"\| (\d+) \| (\d+) \| \d+ \|", done.stdout)
    assert len(rows) == 7
    assert all(tried == good == str(SAMPLE) for tried, good in rows)
