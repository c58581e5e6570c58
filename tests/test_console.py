"""What long commands say of how far they are."""

from collections.abc import Iterator

import pytest

from vaelab import console


def test_where_no_terminal_watches_lines_say_now_and_then_how_far_something_long_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(console, "monotonic", lambda: now[0])

    def slowly(seconds: float, steps: int) -> Iterator[int]:
        for step in range(steps):
            yield step
            now[0] += seconds

    assert list(console.track(slowly(6.0, 5), "reading", 5)) == [*range(5)]
    assert list(console.track(slowly(20.0, 2), "coming")) == [0, 1]
    assert list(console.track(slowly(0.1, 20), "soon done", 20)) == [*range(20)]
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "reading: 40%, about 0:00:18 left", "reading: 80%, about 0:00:06 left", "coming: at it",
    ]  # fmt: skip
