"""The latent space of the test images."""

from math import ceil
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field

from vaelab.data.store import Labels
from vaelab.drawing import FAINT, INK, MARGIN, Page, mark, outline, short
from vaelab.figures.base import BaseFigure, Panel
from vaelab.figures.context import FigureContext

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE = 560
"""Of the axes, pixels."""
LEFT = 62
LEGEND_ROWS = 24
EDGE = 8
"""Pixels between the edge of the page and what stands beside the axes, at least."""
NAME_HEIGHT, NAME_WIDTH = 15, 10
"""Of the name of a class, and of a letter of it, pixels."""
STRIP = 34
"""Height of a class in the picture of a one-dimensional code, pixels."""
MAX_POINTS = 2000
"""Of the picture of an epoch, and of a frame of the film."""


class LatentFigure(BaseFigure):
    """Every test image as a point at the mean of its posterior, coloured by class.

    Codes of more than two dimensions are projected onto the plane of their first two principal
    components.
    """

    advice = """Use it after every epoch, to watch the latent space form and to see which classes
        lie together."""
    references = '"Auto-encoding variational Bayes" (Kingma and Welling, 2014, arXiv 1312.6114)'

    kind: Literal["latent"] = "latent"
    num: int | None = Field(default=None, ge=1)
    """Test images shown, picked at random; null shows all, and 2,000 at most in pictures of
    epochs."""

    def compute(self, context: FigureContext) -> Panel:
        """Points `(n, k)`, labels `(n,)`, the plane, and the window `(k, 2)` of the axes."""
        codes, plane = context.codes, context.plane
        most = MAX_POINTS if context.epoch is not None else None
        order = context.draws().permutation(len(codes.labels))[: self.num or most]
        arrays = {
            "points": plane.project(codes.loc[order]),
            "labels": codes.labels[order],
            "window": context.window,
            "mean": plane.mean,
            "components": plane.components,
        }
        words = {"axes": plane.axis_names, "explained": plane.explained}
        return Panel(context.name(self.kind), arrays, context.words | words)

    def draw(self, panel: Panel) -> "Figure":
        """The scatter, or a strip per class where the code has one dimension."""
        limits = panel.arrays["window"]
        page, axes = latent_page(panel, limits, SIDE, _title(panel), note_of(panel, limits))
        add_points(axes, panel)
        return page.figure


def latent_page(
    panel: Panel, limits: Float[np.ndarray, "k 2"], side: int, title: str, note: str
) -> "tuple[Page, Axes]":
    """The page of a panel of `LatentFigure`, and axes of so many pixels on it, without points."""
    page, axes = _axes(panel, limits, side, title, note, LEFT)
    box = axes.yaxis.get_tightbbox(page.figure.canvas.get_renderer())  # type: ignore[attr-defined]
    if box is not None and box.x0 < EDGE:  # wide numbers, or long names of classes
        page, axes = _axes(panel, limits, side, title, note, LEFT + ceil(EDGE - box.x0))
    classes = panel.words["classes"]
    if len(limits) == 2 and len(classes) > 1:
        _legend(page, page.width - _legend_width(classes), classes)
    return page, axes


def add_points(axes: "Axes", panel: Panel) -> "list[Artist]":
    """The points of a panel and the names of its classes; of a one-dimensional code, in strips."""
    points, labels = panel.arrays["points"], panel.arrays["labels"]
    classes = panel.words["classes"]
    flat = points.shape[1] == 2
    size = float(np.clip(14_000 / len(points), 4, 22))
    heights = points[:, -1]
    if not flat:
        rows = np.random.default_rng(0).uniform(-0.36, 0.36, len(points))
        heights = labels + rows  # jitter, so that points of a class do not hide each other
    added = _scatter(axes, np.stack([points[:, 0], heights], 1), labels, size)
    if flat and len(classes) > 1:
        added += _name_clusters(axes, points, labels, classes)
    return added


def _axes(
    panel: Panel, limits: Float[np.ndarray, "k 2"], side: int, title: str, note: str, left: int
) -> "tuple[Page, Axes]":
    """The page, and on it the axes, so many pixels from its left."""
    classes = panel.words["classes"]
    flat = len(limits) == 2
    height = side if flat else STRIP * max(4, len(classes))
    legend = _legend_width(classes) if flat and len(classes) > 1 else MARGIN
    page = Page(left + side + legend, height + 52, title, note)
    axes = page.axes(left, 0, side, height)
    axes.set(xlim=limits[0], xlabel=panel.words["axes"][0])
    axes.axvline(0, color=FAINT, lw=0.8, zorder=0)
    if flat:
        axes.set(ylim=limits[1], ylabel=panel.words["axes"][1])
        axes.axhline(0, color=FAINT, lw=0.8, zorder=0)
    else:
        axes.set_ylim(len(classes) - 0.5, -0.5)
        names = [short(name) for name in classes]
        axes.set_yticks(range(len(classes)), names, parse_math=False)
    return page, axes


def _scatter(
    axes: "Axes", points: Float[np.ndarray, "n 2"], labels: Labels, size: float, alpha: float = 0.75
) -> "list[Artist]":
    colors, markers = np.array([mark(int(label)) for label in labels]).T
    added: list[Artist] = []
    for marker in dict.fromkeys(markers):
        chosen = markers == marker
        x, y = points[chosen].T
        look = {"marker": marker, "alpha": alpha, "linewidths": 0}
        added.append(axes.scatter(x, y, size, colors[chosen], **look))
    return added


def _name_clusters(
    axes: "Axes", points: Float[np.ndarray, "n 2"], labels: Labels, classes: list[str]
) -> "list[Artist]":
    """Each class named at its median, so that colour is not all that tells it.

    Where classes lie on top of each other their names would too, and the later ones are left out.
    """
    taken: list[tuple[np.ndarray, float]] = []
    added: list[Artist] = []
    for label in np.unique(labels):
        middle, name = np.median(points[labels == label], axis=0), short(classes[label])
        place, half = axes.transData.transform(middle), NAME_WIDTH * len(name) / 2
        if any(
            abs(place[0] - other[0]) < half + width and abs(place[1] - other[1]) < NAME_HEIGHT
            for other, width in taken
        ):
            continue
        taken.append((place, half))
        added.append(axes.annotate(
            name, middle, ha="center", va="center", size=10, weight="bold",
            color=INK, path_effects=outline(3.5),
            annotation_clip=True, parse_math=False,
        ))  # fmt: skip
    return added


def _legend_width(classes: list[str]) -> int:
    """Of the names beside the axes, and of what is free around them."""
    return max(100, 60 + 9 * max(map(len, map(short, classes)))) + MARGIN


def _legend(page: Page, left: int, classes: list[str]) -> None:
    width = page.width - left - 2 * MARGIN
    rows = min(len(classes), LEGEND_ROWS)
    axes = page.axes(left + 16, 0, width, 20 * (rows + 1))
    axes.set_axis_off()
    axes.set(xlim=(0, width), ylim=(rows + 1, 0))
    places = np.stack([np.full(rows, 8.0), np.arange(rows) + 0.5], 1)
    _scatter(axes, places, np.arange(rows), 42, alpha=1)
    names = [short(name) for name in classes[:rows]]
    names += [f"and {len(classes) - rows} more"] if len(classes) > rows else []
    for row, name in enumerate(names):
        axes.text(22, row + 0.5, name, va="center", size=9, color=INK, parse_math=False)


def _title(panel: Panel) -> str:
    count, dimensions = len(panel.arrays["points"]), len(panel.arrays["mean"])
    colour = "; colour: class" if len(panel.words["classes"]) > 1 else ""
    title = f"{count:,} test images, each at the mean of its posterior{colour}"
    if dimensions > 2:
        title += (
            f". Seen: the plane of the first two principal components of {dimensions} "
            f"dimensions, {panel.words['explained']:.0%} of their variance"
        )
    return title


def note_of(panel: Panel, limits: Float[np.ndarray, "k 2"]) -> str:
    """Where the panel comes from, and how many of its points lie outside such axes."""
    points = panel.arrays["points"]
    outside = int(((points < limits[:, 0]) | (points > limits[:, 1])).any(1).sum())
    return panel.note + (f" · {outside:,} outside the axes" if outside else "")
