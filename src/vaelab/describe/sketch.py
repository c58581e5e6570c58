"""What architectures are drawn with: slabs, bars, arrows, bells; in pixels, y down."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, PathPatch, Polygon
from matplotlib.path import Path

from vaelab.figures.style import INK, SOFT

DEPTH = 0.38
"""Length of an edge that goes away from the viewer, as a part of its true length."""
CELL = 13
"""Width of a bar, and side of a cell that stands for one value."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Sketch:
    """Axes to draw on whose coordinates are pixels of the page, y down."""

    axes: Axes

    def words(
        self,
        at: Point,
        lines: str | Sequence[str],
        size: float = 8.5,
        color: str = INK,
        align: str = "center",
        weight: str = "normal",
    ) -> None:
        """Lines of text whose upper edge is at a point."""
        text = lines if isinstance(lines, str) else "\n".join(lines)
        self.axes.text(
            *at, text, size=size, color=color, ha=align, va="top", weight=weight,
            linespacing=1.35, parse_math=False,
        )  # fmt: skip

    def slab(
        self, center: Point, thickness: float, height: float, width: float, color: str
    ) -> None:
        """A cuboid seen from the left front: `width` goes away from the viewer."""
        away = DEPTH * width
        left, right = center[0] - (thickness + away) / 2, center[0] + (thickness - away) / 2
        top, bottom = center[1] - (height - away) / 2, center[1] + (height + away) / 2
        faces = {
            0.35: [(left, top), (right, top), (right, bottom), (left, bottom)],
            0.72: [
                (left, top),
                (left + away, top - away),
                (right + away, top - away),
                (right, top),
            ],
            0.55: [
                (right, top),
                (right + away, top - away),
                (right + away, bottom - away),
                (right, bottom),
            ],
        }
        for paleness, corners in faces.items():
            self.axes.add_patch(
                Polygon(corners, facecolor=pale(color, paleness), edgecolor=color, linewidth=0.8)
            )

    def bar(self, center: Point, height: float, color: str, width: float = CELL) -> None:
        """A vector too long to show its values."""
        corner = (center[0] - width / 2, center[1] - height / 2)
        self.axes.add_patch(
            FancyBboxPatch(
                corner, width, height, boxstyle="round,pad=0,rounding_size=3",
                facecolor=pale(color, 0.45), edgecolor=color, linewidth=0.8,
            )
        )  # fmt: skip

    def cells(self, center: Point, count: int, color: str) -> None:
        """A short vector, value by value."""
        first = center[1] - (count - 1) * CELL / 2
        for index in range(count):
            self.bar((center[0], first + index * CELL), CELL - 2, color, CELL - 2)

    def arrow(
        self, start: Point, end: Point, color: str = SOFT, style: str = "-|>", dashed: bool = False
    ) -> None:
        """A straight arrow."""
        self.axes.add_patch(
            FancyArrowPatch(
                start, end, arrowstyle=style, mutation_scale=8, color=color, linewidth=1,
                linestyle=(0, (3, 2)) if dashed else "solid", shrinkA=0, shrinkB=0,
            )
        )  # fmt: skip

    def shortcut(self, center: Point, width: float, height: float) -> None:
        """A line from one side of what stands at a point to the other, below it."""
        left, right = center[0] - width / 2 - 4, center[0] + width / 2 + 4
        low, bend = center[1] + height / 2 + 8, 6.0
        corners = [
            (left, center[1]), (left, low - bend), (left, low), (left + bend, low),
            (right - bend, low), (right, low), (right, low - bend), (right, center[1]),
        ]  # fmt: skip
        line, curve = [Path.LINETO], 2 * [Path.CURVE3]
        path = Path(corners, [Path.MOVETO, *line, *curve, *line, *curve, *line])
        self.axes.add_patch(PathPatch(path, fill=False, edgecolor=SOFT, linewidth=1))

    def bell(
        self, base: Point, scale: float, height: float, color: str, filled: bool = True
    ) -> None:
        """A normal density standing on a point."""
        x = np.linspace(-3, 3, 61)
        curve_x, curve_y = base[0] + scale * x, base[1] - height * np.exp(-0.5 * x**2)
        if filled:
            self.axes.fill_between(curve_x, base[1], curve_y, color=pale(color, 0.55), linewidth=0)
        style = "solid" if filled else (0, (3, 2))
        self.axes.plot(curve_x, curve_y, color=color, linewidth=1.3, linestyle=style)


def pale(color: str, amount: float) -> tuple[float, float, float]:
    """A colour mixed with white: 0 is the colour, 1 is white."""
    red, green, blue = (channel + (1 - channel) * amount for channel in to_rgb(color))
    return red, green, blue
