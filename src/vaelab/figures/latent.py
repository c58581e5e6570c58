"""The latent space of the test images, and the film of how it forms."""

import logging
import re
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field

from vaelab.data.store import Labels
from vaelab.drawing import FAINT, INK, MARGIN, Page, mark, outline, render, short
from vaelab.errors import BadValueError
from vaelab.figures.base import BaseFigure, Panel
from vaelab.figures.context import FigureContext
from vaelab.figures.plane import squared, window
from vaelab.imaging import write_gif

if TYPE_CHECKING:
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
FILM_SIDE = 420
MAX_POINTS = 2000
"""Of the picture of an epoch, and of a frame of the film."""
LENGTH = 12_000
FASTEST, SLOWEST, REST = 60, 500, 2500
"""Milliseconds: the whole film if its frames allow it, a frame's limits, the last frame."""
MAX_COORDINATE = 1e30
"""Of a coordinate from the origin."""


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
        return draw_latent(panel, panel.arrays["window"], SIDE, _title(panel))


def draw_latent(panel: Panel, limits: Float[np.ndarray, "k 2"], side: int, title: str) -> "Figure":
    """The scatter of a panel of `LatentFigure`, on axes of so many pixels with given limits."""
    page, axes = _axes(panel, limits, side, title, LEFT)
    box = axes.yaxis.get_tightbbox(page.figure.canvas.get_renderer())  # type: ignore[attr-defined]
    if box is not None and box.x0 < EDGE:  # wide numbers, or long names of classes
        page, axes = _axes(panel, limits, side, title, LEFT + ceil(EDGE - box.x0))
    points, labels = panel.arrays["points"], panel.arrays["labels"]
    classes = panel.words["classes"]
    flat = len(limits) == 2
    size = float(np.clip(14_000 / len(points), 4, 22))
    heights = points[:, -1]
    if not flat:
        rows = np.random.default_rng(0).uniform(-0.36, 0.36, len(points))
        heights = labels + rows  # jitter, so that points of a class do not hide each other
    _scatter(axes, np.stack([points[:, 0], heights], 1), labels, size)
    if flat and len(classes) > 1:
        _name_clusters(axes, points, labels, classes)
        _legend(page, page.width - _legend_width(classes), classes)
    return page.figure


def _axes(
    panel: Panel, limits: Float[np.ndarray, "k 2"], side: int, title: str, left: int
) -> "tuple[Page, Axes]":
    """The page, and on it the axes without points, so many pixels from its left."""
    classes = panel.words["classes"]
    flat = len(limits) == 2
    height = side if flat else STRIP * max(4, len(classes))
    legend = _legend_width(classes) if flat and len(classes) > 1 else MARGIN
    page = Page(left + side + legend, height + 52, title, _note(panel, limits))
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
) -> None:
    colors, markers = np.array([mark(int(label)) for label in labels]).T
    for marker in dict.fromkeys(markers):
        chosen = markers == marker
        x, y = points[chosen].T
        axes.scatter(x, y, size, colors[chosen], marker=marker, alpha=alpha, linewidths=0)


def _name_clusters(
    axes: "Axes", points: Float[np.ndarray, "n 2"], labels: Labels, classes: list[str]
) -> None:
    """Each class named at its median, so that colour is not all that tells it.

    Where classes lie on top of each other their names would too, and the later ones are left out.
    """
    taken: list[tuple[np.ndarray, float]] = []
    for label in np.unique(labels):
        middle, name = np.median(points[labels == label], axis=0), short(classes[label])
        place, half = axes.transData.transform(middle), NAME_WIDTH * len(name) / 2
        if any(
            abs(place[0] - other[0]) < half + width and abs(place[1] - other[1]) < NAME_HEIGHT
            for other, width in taken
        ):
            continue
        taken.append((place, half))
        axes.annotate(
            name, middle, ha="center", va="center", size=10, weight="bold",
            color=INK, path_effects=outline(3.5),
            annotation_clip=True, parse_math=False,
        )  # fmt: skip


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


def _note(panel: Panel, limits: Float[np.ndarray, "k 2"]) -> str:
    points = panel.arrays["points"]
    outside = int(((points < limits[:, 0]) | (points > limits[:, 1])).any(1).sum())
    return panel.note + (f" · {outside:,} outside the axes" if outside else "")


def latent_film(folder: Path) -> Path | None:
    """Draw `latent.gif` from the panels `latent_epoch_<n>.npz` of a folder, a frame for each.

    The axes stand still over all epochs. Where the code has more than two dimensions, every epoch
    is seen in its own PCA plane, turned like the one before.

    Returns:
        The film, or None where the folder has no such panels.
    """
    panels = [panel for path in epoch_panels(folder) if (panel := _frame(path))]
    if not panels:
        return None
    dimensions = len(panels[-1].arrays["window"])
    panels = [panel for panel in panels if len(panel.arrays["window"]) == dimensions]
    axes = common_window(panels)
    frames = (render(draw_frame(panel, axes)) for panel in panels)
    each = int(np.clip(LENGTH / len(panels), FASTEST, SLOWEST))
    milliseconds = [each] * (len(panels) - 1) + [REST]
    sample = render(draw_frame(panels[-1], axes))
    return write_gif(folder / "latent.gif", frames, milliseconds, sample)


def _frame(path: Path) -> Panel | None:
    """The panel of an epoch; None where it is damaged, so that the film goes on without it."""
    try:
        panel = Panel.load(path)
        for name in ("points", "labels"):  # the same images in every epoch
            panel.arrays[name] = panel.arrays[name][:MAX_POINTS]
        points, axes = panel.arrays["points"], panel.arrays["window"]
        if axes.shape != (points.shape[1], 2) or not (np.abs(points) < MAX_COORDINATE).all():
            raise BadValueError("its points are not of the plane")
        draw_frame(panel, axes)
    except Exception as error:  # a damaged panel may hold anything
        logging.getLogger("vaelab").warning("%s: the film goes on without it (%s)", path, error)
        return None
    return panel


def film_is_stale(folder: Path) -> bool:
    """Whether an epoch's panel is newer than the film, or there are panels and no film yet."""
    film, panels = folder / "latent.gif", epoch_panels(folder)
    if not film.is_file():
        return bool(panels)
    drawn = film.stat().st_mtime_ns
    return any(path.stat().st_mtime_ns > drawn for path in panels)


def epoch_panels(folder: Path) -> list[Path]:
    """The panels of a folder in the order of their epochs."""
    epochs = {}
    for path in folder.glob("latent_epoch_*.npz"):
        if number := re.fullmatch(r"latent_epoch_(\d+)", path.stem):
            epochs[int(number[1])] = path
    return [epochs[epoch] for epoch in sorted(epochs)]


def common_window(panels: Sequence[Panel]) -> Float[np.ndarray, "k 2"]:
    """Axes that hold nearly all points of all epochs, and all that the last epoch's axes hold."""
    everything = window(np.concatenate([panel.arrays["points"] for panel in panels]))
    both = np.stack([everything, panels[-1].arrays["window"]])
    return squared(both[..., 0].min(0), both[..., 1].max(0))


def draw_frame(panel: Panel, axes: Float[np.ndarray, "k 2"]) -> "Figure":
    """One epoch on the common axes; its heading is as high as every other's."""
    count, dimensions = len(panel.arrays["points"]), len(panel.arrays["mean"])
    title = f"{count:,} test images, each at the mean of its posterior"
    if dimensions > 2:
        title += f"; {dimensions} dimensions, every epoch in its own plane of two components"
    return draw_latent(panel, axes, FILM_SIDE, title)
