"""Several models in the plane of rate and distortion."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import shorten, wrap
from typing import TYPE_CHECKING

import numpy as np

from vaelab.drawing import (
    FAINT,
    INK,
    MARGIN,
    NOTE_CHARACTER,
    NOTE_LINE,
    SOFT,
    Page,
    mark,
    number,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEFT, SIDE, GAP, FOOT = 74, 360, 80, 54
LINES, LONGEST = 7, 40


@dataclass(frozen=True)
class Point:
    """A model: its mean rate and distortion with their standard errors, nats per image."""

    name: str
    rate: float
    distortion: float
    rate_error: float
    distortion_error: float


def draw_rate_distortion(groups: Sequence[tuple[str, Sequence[Point]]]) -> "Figure":
    """A plane for each group of comparable models; on a dashed line the ELBO is the same.

    A group is what is common to its models, and the models. "Fixing a broken ELBO" (Alemi et al.,
    2018, figure 1, arXiv 1711.00464).
    """
    width = LEFT + len(groups) * (SIDE + GAP) - GAP + MARGIN
    legend = 17 * max(len(points) for _, points in groups)
    title = "Rate and distortion, nats per image ± standard error"
    note = "dashed: lines of equal elbo = −distortion − rate; down and to the left is better"
    heads = [wrap(common, int(SIDE / NOTE_CHARACTER)) for common, _ in groups]
    head = 6 + NOTE_LINE * max(map(len, heads))
    page = Page(width, head + SIDE + FOOT - 20 + legend + MARGIN, title, note)
    for place, (_, points) in enumerate(groups):
        left = LEFT + place * (SIDE + GAP)
        axes = page.axes(left, head, SIDE, SIDE)
        for row, line in enumerate(heads[place]):
            page.text(left, NOTE_LINE * row, line, color=SOFT)
        x = _range([(point.rate, point.rate_error) for point in points])
        y = _range([(point.distortion, point.distortion_error) for point in points])
        levels = np.linspace(x[0] + y[0], x[1] + y[1], LINES)
        for level in levels[1:-1]:
            axes.plot(x, [level - x[0], level - x[1]], "--", color=FAINT, linewidth=1, zorder=1)
        for label, point in enumerate(points):
            color, marker = mark(label)
            axes.errorbar(
                point.rate, point.distortion, xerr=point.rate_error, yerr=point.distortion_error,
                color=color, marker=marker, markersize=7, linewidth=1.2, zorder=3,
            )  # fmt: skip
            top = head + SIDE + FOOT - 8 + 17 * label
            page.text(left, top, "●", color=color)
            page.text(left + 14, top, shorten(point.name, LONGEST, placeholder="…"))
            elbo = number(round(-point.distortion - point.rate, 2))
            page.text(left + SIDE, top, f"elbo {elbo}", color=INK, align="right")
        axes.set(xlim=x, ylim=y, xlabel="rate", ylabel="distortion")
    return page.figure


def _range(values: Sequence[tuple[float, float]]) -> tuple[float, float]:
    low = min(value - error for value, error in values)
    high = max(value + error for value, error in values)
    margin = 0.1 * (high - low) or max(1.0, 0.05 * abs(high))
    return low - margin, high + margin
