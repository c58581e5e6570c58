"""Runs beside each other: which numbers may be compared, and how they compare."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from vaelab.comparison.entry import Entry, Measured, entries_of
from vaelab.comparison.group import Group, grouped
from vaelab.comparison.key import KEY
from vaelab.comparison.key import differences as key_differences
from vaelab.comparison.pairs import Difference, difference
from vaelab.errors import BadValueError
from vaelab.figures.rate_distortion import Point, draw_rate_distortion
from vaelab.run import Run

__all__ = [
    "KEY",
    "Difference",
    "Entry",
    "Group",
    "Measured",
    "compare",
    "difference",
    "differences",
    "draw",
    "entries_of",
]


def compare(runs: Sequence[Run]) -> list[Group]:
    """Groups of runs whose numbers can be compared, each with its best first.

    Args:
        runs: two or more, all evaluated.

    Raises:
        BadValueError: a run is named twice, or there is only one.
        MissingFileError: a run has not been evaluated, or not with the weights it has now.
    """
    if len({run.path.resolve() for run in runs}) < max(2, len(runs)):
        raise BadValueError("a comparison needs two different runs or more")
    return grouped([Measured.of(run) for run in runs])


def differences(groups: Sequence[Group]) -> list[str]:
    """Why groups are not ranked together, in words."""
    return key_differences([(group.key, group.entries[0].members[0].name) for group in groups])


def draw(groups: Sequence[Group]) -> Figure:
    """The plane of rate and distortion, one for each group."""
    return draw_rate_distortion([
        (group.words(), [_point(one) for entry in group.entries for one in entry.members])
        for group in groups
    ])  # fmt: skip


def _point(one: Measured) -> Point:
    rate, distortion = one.numbers["rate_nats"], one.numbers["distortion_nats"]
    return Point(
        one.name, rate["value"], distortion["value"],
        rate["standard_error"] or 0.0, distortion["standard_error"] or 0.0,
    )  # fmt: skip
