"""Parallel coordinates: a line for each setting, through its values to its ELBO."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from vaelab.figures.curves import vertical_range
from vaelab.figures.style import CONTRAST, FAINT, INK, MARGIN, SOFT, Page, number
from vaelab.sweep.pictures.colours import place, shades
from vaelab.sweep.pictures.labels import Labels, shortened
from vaelab.sweep.results import Result
from vaelab.sweep.space import Listed, Range, Space, Value

SIDES, GAP, HEIGHT, HEAD = 90, 170, 320, 26
TICKS = 5
CHARACTER = 6.2
"""Mean width of a small one, pixels."""


def draw_parallel(found: Sequence[Result], space: Space, title: str) -> Figure:
    """The darker a line, the higher its ELBO; the best is orange. An axis for each swept key.

    "Parallel coordinates: a tool for visualizing multi-dimensional geometry" (Inselberg and
    Dimsdale, 1990).

    Args:
        found: settings with complete trials, the best first.
        space: what is swept, one key or more.
        title: name of the sweep.
    """
    labels, count = Labels(space), len(space.dimensions)
    ticks = [
        [(_height(one, value), labels.of(one.key, value)) for value in _ticks(one)]
        for one in space.dimensions
    ]
    left = max(SIDES, 16 + round(CHARACTER * max(len(text) for _, text in ticks[0])))
    width = max(left + count * GAP + SIDES, 460)
    mean = f", mean over {space.repeats} seeds" if space.repeats > 1 else ""
    page = Page(
        width, HEAD + HEIGHT + MARGIN + 8,
        "Every setting on its way to the validation ELBO at beta 1",
        shortened(
            f"{title} · nats per image{mean}; orange: {labels.setting(found[0].setting)}",
            int((width - 2 * MARGIN) / CHARACTER),
        ),
    )  # fmt: skip
    axes = page.axes(left, HEAD, width - left - SIDES, HEIGHT)
    axes.set_axis_off()
    axes.set_xlim(0, count)
    axes.set_ylim(0, 1)
    elbos = np.array([result.elbo.value for result in found if result.elbo is not None])
    low, high = vertical_range(elbos)
    heights = (elbos - low) / (high - low)
    darkness = np.clip((elbos - max(low, elbos.min())) / max(np.ptp(elbos), 1e-12), 0, 1)
    for index in reversed(range(len(found))):
        color = CONTRAST if index == 0 else shades([darkness[index]])[0]
        y = [_height(one, found[index].setting[one.key]) for one in space.dimensions]
        axes.plot(
            range(count + 1), [*y, heights[index]], color=color, lw=2.6 if index == 0 else 1.3,
            marker="o", ms=4, alpha=1.0 if index == 0 else 0.8, zorder=3 + (index == 0),
        )  # fmt: skip
    for position, dimension in enumerate(space.dimensions):
        _axis(axes, position, space.short(dimension.key), ticks[position])
    values = _round(low, high)
    _axis(axes, count, "elbo", [((v - low) / (high - low), number(v)) for v in values])
    return page.figure


def _axis(axes: Axes, x: int, name: str, ticks: Sequence[tuple[float, str]]) -> None:
    axes.plot([x, x], [0, 1], color=FAINT, lw=1.2, zorder=1, clip_on=False)
    axes.annotate(
        name, (x, 1), xytext=(0, 10), textcoords="offset points", ha="center", size=9.5, color=INK,
        weight="bold",
    )  # fmt: skip
    for height, text in ticks:
        axes.annotate(
            text, (x, height), xytext=(-7, 0), textcoords="offset points", ha="right", va="center",
            size=8.5, color=SOFT, zorder=6, annotation_clip=False,
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )  # fmt: skip


def _height(dimension: Listed | Range, value: Value) -> float:
    if isinstance(dimension, Range):
        return place(dimension, value)
    return (dimension.values.index(value) + 0.5) / len(dimension.values)


def _ticks(dimension: Listed | Range) -> list[Value]:
    if isinstance(dimension, Listed):
        return list(dimension.values)
    low, high = dimension.low, dimension.high
    ticks = np.geomspace(low, high, TICKS) if dimension.log else np.linspace(low, high, TICKS)
    return list(dict.fromkeys(round(t) if dimension.integer else float(t) for t in ticks))


def _round(low: float, high: float) -> Float[np.ndarray, " n"]:
    step = 10 ** np.floor(np.log10(high - low))
    for part in (0.2, 0.5, 1, 2):
        ticks = np.arange(np.ceil(low / (part * step)), high / (part * step) + 1e-9) * part * step
        if len(ticks) <= 2 * TICKS:
            return np.asarray(ticks).round(10) + 0.0  # no -0
    return np.array([low, high])
