"""The two sides of a trap beside each other."""

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure

from vaelab.figures.sheet import fitting, magnify, tile
from vaelab.figures.style import ACCENT, CONTRAST, INK, MARGIN, SOFT, Page, number
from vaelab.traps.base import COLUMNS, Curve, Sheet, Shown
from vaelab.traps.trap import Trap

SIDE, GAP, HEAD = 420, 24, 58
NAMES, AXIS = 72, 46
PLOT = 240
BETWEEN = 2
"""Paper between pictures, pixels."""


def draw(trap: Trap, wrong: Shown, right: Shown) -> Figure:
    """What is wrong to the left, what is right to the right, each with its number."""
    height = max(_height(wrong), _height(right))
    width = 2 * (NAMES + SIDE) + GAP + MARGIN
    note = f"{wrong.number.unit} per image of {trap.config}, none of them a test image"
    page = Page(width, HEAD + height + MARGIN, trap.title, note)
    low, high = _range(wrong, right)
    sides = (("wrong", CONTRAST, trap.wrong.name, wrong), ("right", ACCENT, trap.right.name, right))
    for place, (word, color, name, shown) in enumerate(sides):
        left = NAMES + place * (SIDE + GAP + NAMES)
        page.text(left, 0, f"{word}: {name}", size=10.5, color=color, weight="bold")
        name = shown.name.removesuffix("_nats").replace("_", " ")
        value = f"{number(float(f'{shown.number.value:.4g}'))} {shown.number.unit}"
        page.text(left, 22, f"{name}: {value}", size=10, color=INK)
        if isinstance(shown.picture, Sheet):
            _draw_sheet(page, left, shown.picture)
        else:
            _draw_curve(page, left, shown.picture, color, (low, high))
    return page.figure


def _height(shown: Shown) -> int:
    if isinstance(shown.picture, Curve):
        return PLOT + AXIS
    rows = [pictures for _, pictures in shown.picture.rows]
    return sum(_factor(row) * row.shape[1] + 2 * BETWEEN for row in rows)


def _factor(pictures: UInt8[np.ndarray, "n h w c"]) -> int:
    return fitting(pictures.shape[2] * COLUMNS, SIDE - BETWEEN * COLUMNS)


def _draw_sheet(page: Page, left: int, sheet: Sheet) -> None:
    top = HEAD
    for name, pictures in sheet.rows:
        row = tile(magnify(pictures, _factor(pictures))[None], BETWEEN)
        page.image(left, top, row)
        page.text(left - 8, top + row.shape[0] // 2 - 6, name, color=SOFT, align="right")
        top += row.shape[0] + BETWEEN


def _draw_curve(
    page: Page, left: int, curve: Curve, color: str, limits: tuple[float, float]
) -> None:
    axes = page.axes(left, HEAD, SIDE, PLOT)
    axes.plot(range(len(curve.at)), curve.nats, color=color, marker="o", linewidth=1.8)
    axes.set_xticks(range(len(curve.at)), [str(at) for at in curve.at])
    axes.set_ylim(*limits)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(curve.name, size=9, color=INK)
    axes.set_ylabel("nats per image", size=9, color=INK)


def _range(wrong: Shown, right: Shown) -> tuple[float, float]:
    """Both curves on one scale."""
    curves = [shown.picture for shown in (wrong, right) if isinstance(shown.picture, Curve)]
    values = [value for curve in curves for value in curve.nats] or [0.0]
    margin = 0.08 * (max(values) - min(values)) or 1.0
    return min(values) - margin, max(values) + margin
