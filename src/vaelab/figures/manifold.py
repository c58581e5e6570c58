"""What the decoder makes of an even grid of codes."""

import re
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field

from vaelab.drawing import MARGIN, Page, number, save_png, short
from vaelab.figures.base import BaseFigure, Panel
from vaelab.figures.context import FigureContext
from vaelab.figures.plane import Plane
from vaelab.figures.sheet import fitting, ground, largest_side, magnify, spread, tile

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

LEFT, BELOW = 74, 52
MIN_PAGE_WIDTH = 460
GAP = 2
"""A hairline of the images' ground between them."""
TICKS, UNEVEN_TICKS = 9, 7
CONTACT_WIDTH = 800
CONTACT_TILE = 20
"""Side that a picture on the contact sheet should have, pixels."""
CONTACT_HEAD, CONTACT_GAP = 24, 10
PIXELS_KEPT = 2**26
"""Of all classes together; with very many classes the pictures are made smaller."""


class ManifoldFigure(BaseFigure):
    """The decoder's mean over an even grid of the two-dimensional latent space or PCA plane.

    It lies as the scatter does: the first axis to the right, the second up. A conditional model has
    one for each class.
    """

    advice = """Use it beside `latent`, to see what each place of that plane means and what lies
        between the classes."""
    references = """
        "Auto-encoding variational Bayes" (Kingma and Welling, 2014, figure 4, arXiv 1312.6114)"""

    kind: Literal["manifold"] = "manifold"
    grid: int = Field(default=30, ge=2, le=100)
    """Codes along each axis."""
    range: Literal["data", "quantile"] | Annotated[float, Field(gt=0, allow_inf_nan=False)] = "data"
    """Axes: `data`, those of the scatter; a number R, -R to R; `quantile`, quantiles of N(0, 1)."""

    def compute(self, context: FigureContext) -> Panel:
        """Pictures `(classes, rows, columns, h, w, c)`, first row on top, and their coordinates.

        `x` are the columns' coordinates from the left, `y` the rows' from the top.
        """
        plane = context.plane
        coordinates = self.coordinates(plane, context.window)
        x, y = coordinates[0], coordinates[1][::-1] if len(coordinates) > 1 else np.zeros(1)
        points = np.stack(np.meshgrid(x, y), -1)[..., : len(coordinates)]
        codes = plane.lift(points.astype(plane.mean.dtype)).reshape(-1, len(plane.mean))
        classes = len(context.store.classes) if context.conditional else 1
        affordable = int((PIXELS_KEPT / (classes * len(codes))) ** 0.5)
        side = max(1, min(largest_side(self.grid), affordable))
        labels = np.repeat(np.arange(classes), len(codes)).reshape(classes, -1)
        pictures = np.stack([context.decode(codes, each, side) for each in labels])
        shape = (classes, len(y), len(x), *pictures.shape[2:])
        words = {
            "axes": plane.axis_names,
            "dimensions": len(plane.mean),
            "conditional": context.conditional,
            "even": self.range != "quantile",
            "over": self._over,
        }
        arrays = {"pictures": pictures.reshape(shape), "x": x, "y": y}
        return Panel(context.name(self.kind), arrays, context.words | words)

    def coordinates(
        self, plane: Plane, window: Float[np.ndarray, "k 2"]
    ) -> list[Float[np.ndarray, " grid"]]:
        """The grid's coordinates along each axis, ascending."""
        if self.range == "quantile":
            # the prior N(0, I) projected onto the plane is N(project(0), I)
            steps = (np.arange(self.grid) + 0.5) / self.grid
            quantiles = np.array([NormalDist().inv_cdf(step) for step in steps])
            return [centre + quantiles for centre in plane.project(np.zeros_like(plane.mean))]
        if self.range != "data":
            window = np.array([[-self.range, self.range]] * len(window))
        return [np.linspace(low, high, self.grid) for low, high in window]

    def draw(self, panel: Panel) -> "Figure":
        """The manifold; of a conditional model, the contact sheet of all classes."""
        if panel.words["conditional"]:
            return _draw_contact_sheet(panel)
        return self.draw_class(panel, 0)

    def draw_class(self, panel: Panel, label: int) -> "Figure":
        """The manifold of one class, its ticks the coordinates of the codes."""
        pictures = panel.arrays["pictures"][label]
        factor = fitting(pictures.shape[1] * pictures.shape[3])
        sheet = tile(magnify(pictures, factor), GAP, ground(pictures))
        height, width, _ = sheet.shape
        title = f"What the decoder makes of {_codes(panel)}"
        if panel.words["conditional"]:
            title += f"; class {panel.words['classes'][label]}"
        page_width = LEFT + width + MARGIN
        page = Page(max(page_width, MIN_PAGE_WIDTH), height + BELOW, title, panel.note)
        even, x, y = panel.words["even"], panel.arrays["x"], panel.arrays["y"][::-1]
        axes = page.image(LEFT, 0, sheet, (*_ends(x, even), *_ends(y, even)))
        axes.set_xlabel(panel.words["axes"][0])
        _set_ticks(axes.xaxis, x, even)
        if len(y) > 1:
            axes.set_ylabel(panel.words["axes"][1])
            _set_ticks(axes.yaxis, y, even)
        return page.figure

    def write_pictures(self, panel: Panel, folder: Path) -> list[Path]:
        """`manifold.png` and, of a conditional model, `manifold_<class>.png` for each class."""
        paths = []
        if panel.words["conditional"]:
            for label, name in enumerate(file_names(panel.words["classes"])):
                path = folder / f"{panel.name}_{name}.png"
                paths.append(save_png(self.draw_class(panel, label), path))
        return [*paths, *super().write_pictures(panel, folder)]

    @property
    def _over(self) -> str:
        if self.range == "data":
            return "over the range of the test images"
        if self.range == "quantile":
            return "at quantiles of N(0, 1)"
        return f"from {number(-self.range)} to {number(self.range)}"


def _ends(coordinates: Float[np.ndarray, " n"], even: bool) -> tuple[float, float]:
    """Of an axis whose pictures are equally wide; it counts them where they are not even."""
    count = len(coordinates)
    places = coordinates if even and count > 1 else np.arange(count)
    half = (places[-1] - places[0]) / max(1, count - 1) / 2 or 0.5
    return float(places[0] - half), float(places[-1] + half)


def _set_ticks(axis: "Axis", coordinates: Float[np.ndarray, " n"], even: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    if even:
        axis.set_major_locator(MaxNLocator(TICKS, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(lambda value, _: number(round(value, 12)))
    else:
        index = np.unique(spread(len(coordinates), UNEVEN_TICKS))
        axis.set_ticks(index, [number(round(coordinates[i], 2)) for i in index])


def file_names(classes: list[str]) -> list[str]:
    """A file name for each class: its own, unless it has letters that files may not have."""
    plain = [re.sub(r"[^\w.+-]+", "_", name)[:80] for name in classes]
    taken = {name.lower() for name in plain}
    if len(taken) == len(plain) and all(plain):
        return plain
    return [f"{label}_{name}" for label, name in enumerate(plain)]


def _codes(panel: Panel) -> str:
    rows, columns = panel.arrays["pictures"].shape[1:3]
    axes, dimensions = panel.words["axes"], panel.words["dimensions"]
    if len(axes) == 1:
        return f"{columns} codes, {panel.words['over']}"
    place = f"{columns} × {rows} codes in the plane of {axes[0]} and {axes[1]}"
    if dimensions > 2:
        place += f" of {dimensions} dimensions"
    return f"{place}, {panel.words['over']}"


def _draw_contact_sheet(panel: Panel) -> "Figure":
    """Every class's manifold with some of its pictures, so many that each can still be read."""
    pictures, names = panel.arrays["pictures"], panel.words["classes"]
    classes, rows, columns, _, width, _ = pictures.shape
    across = 1 if rows == 1 else min(12, int(np.ceil(np.sqrt(classes * 1.4))))
    room = CONTACT_WIDTH // across - CONTACT_GAP
    shown = max(3, min(columns, room // max(CONTACT_TILE, width)))
    few = pictures[:, :, spread(columns, shown)]
    few = few if rows == 1 else few[:, spread(rows, shown)]
    large = magnify(few, fitting(few.shape[2] * width, room))
    sheets = np.stack([tile(one, GAP, ground(large)) for one in large])
    height, width = sheets.shape[1:3]
    cell, line = width + CONTACT_GAP, height + CONTACT_HEAD
    down = -(-classes // across)
    title = f"For each class, what the decoder makes of {_codes(panel)}"
    if shown < columns:
        title += f"; {few.shape[2]} × {few.shape[1]} of them are seen here"
    page_width = max(across * cell - CONTACT_GAP + 2 * MARGIN, MIN_PAGE_WIDTH)
    page = Page(page_width, down * line + MARGIN, title, panel.note)
    for label, sheet in enumerate(sheets):
        row, column = divmod(label, across)
        left, top = MARGIN + column * cell, row * line
        page.text(left, top, short(names[label]), size=9.5, weight="bold")
        page.image(left, top + CONTACT_HEAD - 4, sheet)
    return page.figure
