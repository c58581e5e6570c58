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


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (19303.4, 401.2, "19,303 ± 400"), (-1.5, 0.104, "-1.5 ± 0.1"),
        (0.00001234, 0.0000012, "0.00001234 ± 0.0000012"), (-300423.0, None, "-300,423"),
        (9.99996, 0.0999, "10 ± 0.1"), (float("nan"), None, "nan"), (0.0, 0.0, "0 ± 0"),
    ],
)  # fmt: skip
def test_numbers_are_shown_without_powers_of_ten(
    value: float, error: float | None, shown: str
) -> None:
    assert console.with_error(value, error) == shown
