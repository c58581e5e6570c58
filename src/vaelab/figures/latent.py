"""The latent space of the test images."""

from typing import Literal

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from pydantic import Field

from vaelab.data.store import Labels
from vaelab.figures.base import BaseFigure, Panel
from vaelab.figures.style import FAINT, INK, MARGIN, SOFT, Mark, Page, short
from vaelab.figures.subject import Subject

SIDE = 560
"""Of the axes, pixels."""
LEFT = 62
LEGEND_ROWS = 24
NAME_HEIGHT = 14
STRIP = 34
"""Height of a class in the picture of a one-dimensional code, pixels."""


class LatentFigure(BaseFigure):
    """Every test image as a point at the mean of its posterior, coloured by class.

    Codes of more than two dimensions are projected onto the plane of their first two principal
    components. Use it after every epoch, to watch the latent space form and to see which classes
    lie together.

    "Auto-encoding variational Bayes" (Kingma and Welling, 2014, arXiv 1312.6114).
    """

    kind: Literal["latent"] = "latent"
    num: int | None = Field(default=None, ge=1)
    """Test images shown, picked at random; null shows all."""

    def compute(self, subject: Subject) -> Panel:
        """Points `(n, k)`, labels `(n,)`, the plane, and the window `(k, 2)` of the axes."""
        codes, plane = subject.codes, subject.plane
        order = subject.draws().permutation(len(codes.labels))[: self.num]
        arrays = {
            "points": plane.project(codes.loc[order]),
            "labels": codes.labels[order],
            "window": subject.window,
            "mean": plane.mean,
            "components": plane.components,
        }
        words = {"axes": plane.axis_names, "explained": plane.explained}
        return Panel(subject.name(self.kind), arrays, subject.words | words)

    def draw(self, panel: Panel) -> Figure:
        """The scatter, or a strip per class where the code has one dimension."""
        return draw_latent(panel, panel.arrays["window"], SIDE, _title(panel))


def draw_latent(panel: Panel, window: Float[np.ndarray, "k 2"], side: int, title: str) -> Figure:
    """The scatter of a panel with given axes.

    Args:
        panel: computed by `LatentFigure`.
        window: where each axis begins and ends.
        side: of a plane's axes, pixels.
        title: what is seen.
    """
    points, labels = panel.arrays["points"], panel.arrays["labels"]
    classes = panel.words["classes"]
    flat = len(window) == 2
    height = side if flat else STRIP * max(4, len(classes))
    widest = max(map(len, map(short, classes)))
    legend = max(100, 60 + 9 * widest) if flat and len(classes) > 1 else 0
    page = Page(LEFT + side + legend + MARGIN, height + 52, title, _note(panel, window))
    axes = page.axes(LEFT, 0, side, height)
    axes.set_xlim(*window[0])
    axes.set_xlabel(panel.words["axes"][0], size=9, color=INK)
    size = float(np.clip(14_000 / len(points), 4, 22))
    if flat:
        axes.set_ylim(*window[1])
        axes.set_ylabel(panel.words["axes"][1], size=9, color=INK)
        axes.axhline(0, color=FAINT, lw=0.8, zorder=0)
        heights = points[:, 1]
    else:
        rows = np.random.default_rng(0).uniform(-0.36, 0.36, len(points))
        heights = labels + rows  # jitter, so that points of a class do not hide each other
        axes.set_ylim(len(classes) - 0.5, -0.5)
        axes.set_yticks(range(len(classes)), [short(name) for name in classes])
    axes.axvline(0, color=FAINT, lw=0.8, zorder=0)
    _scatter(axes, np.stack([points[:, 0], heights], 1), labels, size)
    if legend:
        _name_clusters(axes, points, labels, classes)
        _legend(page, LEFT + side + 16, legend - 16, classes)
    return page.figure


def _scatter(
    axes: Axes, points: Float[np.ndarray, "n 2"], labels: Labels, size: float, alpha: float = 0.75
) -> None:
    marks = [Mark.of(int(label)) for label in labels]
    for marker in dict.fromkeys(mark.marker for mark in marks):
        chosen = [mark.marker == marker for mark in marks]
        colors = [mark.color for mark in marks if mark.marker == marker]
        x, y = points[chosen].T
        axes.scatter(x, y, size, colors, marker=marker, alpha=alpha, linewidths=0)


def _name_clusters(
    axes: Axes, points: Float[np.ndarray, "n 2"], labels: Labels, classes: list[str]
) -> None:
    """Each class named at its median, so that colour is not all that tells it.

    Where classes lie on top of each other their names would too, and the later ones are left out.
    """
    taken: list[np.ndarray] = []
    for label in np.unique(labels):
        middle = np.median(points[labels == label], axis=0)
        place = axes.transData.transform(middle)
        if any(np.abs(place - other).max() < NAME_HEIGHT for other in taken):
            continue
        taken.append(place)
        axes.annotate(
            short(classes[label]), middle, ha="center", va="center", size=10, weight="bold",
            color=INK, path_effects=[withStroke(linewidth=3.5, foreground="white")],
            annotation_clip=True, parse_math=False,
        )  # fmt: skip


def _legend(page: Page, left: int, width: int, classes: list[str]) -> None:
    height = 20
    axes = page.axes(left, 0, width, height * min(len(classes), LEGEND_ROWS + 1))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    rows = min(len(classes), LEGEND_ROWS)
    total = rows + (len(classes) > rows)
    axes.set_ylim(total, 0)
    shown = np.arange(rows)
    places = shown + 0.5
    _scatter(axes, np.stack([np.full(rows, 8.0), places], 1), shown, 42, alpha=1)
    for label in shown:
        axes.text(
            22, places[label], short(classes[label]), va="center", size=9, color=INK,
            parse_math=False,
        )  # fmt: skip
    if total > rows:
        axes.text(2, rows + 0.5, f"and {len(classes) - rows} more", va="center", size=9, color=SOFT)


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


def _note(panel: Panel, window: Float[np.ndarray, "k 2"]) -> str:
    points = panel.arrays["points"]
    outside = int(((points < window[:, 0]) | (points > window[:, 1])).any(1).sum())
    return panel.note + (f" · {outside:,} points lie outside the axes" if outside else "")
