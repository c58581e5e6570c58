"""The settings of a sweep in the plane of rate and distortion."""

from collections.abc import Sequence
from string import ascii_uppercase

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vaelab.drawing import FAINT, INK, MARGIN, SOFT, Page, number, outline
from vaelab.figures.curves import vertical_range
from vaelab.sweep.pictures.values import Colours, Labels, shortened
from vaelab.sweep.results import Result
from vaelab.sweep.space import Space

LEFT, SIDE, KEY, FOOT = 74, 440, 400, 54
LINES, MAX_NAMED, MAX_LETTERS = 7, 20, 50


def draw_plane(found: Sequence[Result], space: Space, title: str) -> Figure:
    """Each setting's mean rate and distortion; on a dashed line the ELBO is the same.

    A setting is on the Pareto front if none has both less rate and less distortion. "Fixing a
    broken ELBO" (Alemi et al., 2018, figure 1, arXiv 1711.00464).
    """
    front = pareto(found)
    seeds = "; faint: single seeds, bars: standard error" if space.repeats > 1 else ""
    page = Page(
        LEFT + SIDE + 24 + KEY + MARGIN, SIDE + FOOT,
        "Rate and distortion of every setting, nats per validation image",
        f"{title} · dashed: equal elbo = −distortion − rate; line: Pareto front{seeds}",
    )  # fmt: skip
    axes = page.axes(LEFT, 0, SIDE, SIDE)
    means = [(result.term("rate"), result.term("distortion")) for result in found]
    colours = Colours(space)
    for result, (rate, distortion) in zip(found, means, strict=True):
        color = colours.of(result.setting.get(colours.key))
        if len(result.complete) > 1:
            runs = [(trial.terms["rate"], trial.terms["distortion"]) for trial in result.complete]
            axes.plot(*zip(*runs, strict=True), "o", color=color, ms=3.5, alpha=0.35, zorder=2)
        axes.errorbar(
            rate.value, distortion.value, xerr=rate.standard_error, yerr=distortion.standard_error,
            color=color, marker="o", markersize=7.5, linewidth=1.2, zorder=4,
        )  # fmt: skip
    _frame(axes, found)
    ends = [(means[index][0].value, means[index][1].value) for index in front]
    axes.plot(*zip(*ends, strict=True), color=INK, lw=1.3, zorder=3)
    for label, (x, y) in zip(ascii_uppercase, ends[:MAX_NAMED], strict=False):
        axes.annotate(
            label, (x, y), xytext=(6, 5), textcoords="offset points", size=9, color=INK,
            weight="bold", zorder=5,
        )  # fmt: skip
    _legend(page, [found[index] for index in front], space, colours)
    return page.figure


def pareto(found: Sequence[Result]) -> list[int]:
    """Indices of the settings on the Pareto front of mean rate and distortion, by rate."""
    points = [(result.term("rate").value, result.term("distortion").value) for result in found]
    front, lowest = [], np.inf
    for index in sorted(range(len(points)), key=lambda i: points[i]):
        if points[index][1] < lowest:
            front.append(index)
            lowest = points[index][1]
    return front


def _frame(axes: Axes, found: Sequence[Result]) -> None:
    trials = [trial for result in found for trial in result.complete]
    x, y = (
        vertical_range(np.array([trial.terms[name] for trial in trials]))
        for name in ("rate", "distortion")
    )
    for elbo in MaxNLocator(LINES).tick_values(-x[1] - y[1], -x[0] - y[0]):
        axes.plot(x, [-elbo - x[0], -elbo - x[1]], "--", color=FAINT, linewidth=1, zorder=1)
        if y[0] < -elbo - x[1] < y[1]:
            axes.annotate(
                number(elbo), (x[1], -elbo - x[1]), xytext=(-3, 0), textcoords="offset points",
                ha="right", va="center", size=8, color=SOFT, zorder=1,
                path_effects=outline(4),
            )  # fmt: skip
    axes.set_xlim(*x)
    axes.set_ylim(*y)
    axes.set_xlabel("rate", size=9, color=INK)
    axes.set_ylabel("distortion", size=9, color=INK)


def _legend(page: Page, front: Sequence[Result], space: Space, colours: Colours) -> None:
    left, top, labels = LEFT + SIDE + 24, 0, Labels(space)
    if colours.key:
        page.text(left, top, space.short(colours.key), size=9, weight="bold")
        for value in colours.samples():
            top += 17
            page.text(left, top, "●", color=colours.of(value))
            page.text(left + 16, top, labels.of(colours.key, value))
        top += 30
    page.text(left, top, "on the Pareto front", size=9, weight="bold")
    page.text(left + KEY, top, "elbo", size=9, weight="bold", align="right")
    named = min(MAX_NAMED, (SIDE - top) // 17 - 1)
    for label, result in zip(ascii_uppercase, front[:named], strict=False):
        top += 17
        page.text(left, top, label, color=SOFT)
        name = labels.setting(result.setting) or "the only setting"
        page.text(left + 20, top, shortened(name, MAX_LETTERS))
        elbo = "" if result.elbo is None else f"{result.elbo.value:,.2f}"
        page.text(left + KEY, top, elbo.replace("-", "−"), align="right")
    if len(front) > named:
        page.text(left, top + 17, f"and {len(front) - named} more", color=SOFT)
