"""Some of the trials of the explorer's server; `python -m tests.robustness.server` tries all."""

import sys

import pytest

from tests.robustness.server import run
from vaelab.explorer.export import page_folder


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="files that a process holds are counted")
def test_strangers_get_nothing_and_break_nothing() -> None:
    try:
        page_folder()
    except FileNotFoundError:
        pytest.skip("the page is not built: `make page` does")
    results = run(sample=25)
    assert [(name, detail) for name, good, detail in results if not good] == []
    assert len(results) > 180
