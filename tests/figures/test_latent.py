"""The scatter of the codes: what is written on it can be read."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from vaelab.figures import LatentFigure, Panel

CLASSES = [f"{a} {b}" for a in ("ancient", "blue", "crooked", "dotted") for b in ("flag", "face")]


def drawn(scale: float, classes: list[str], dimensions: int = 2) -> Figure:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, len(classes), 800)
    middles = 0.5 * rng.normal(size=(len(classes), dimensions))
    points = (middles[labels] + 0.4 * rng.normal(size=(800, dimensions))) * scale
    arrays = {
        "points": points, "labels": labels, "mean": np.zeros(dimensions),
        "window": np.stack([points.min(0), points.max(0)], 1),
        "components": np.eye(dimensions),
    }  # fmt: skip
    words = {
        "classes": classes, "run": "mine", "data": "mine", "moment": "", "epoch": None,
        "axes": ["z1", "z2"][:dimensions], "explained": 1.0,
    }  # fmt: skip
    return LatentFigure().draw(Panel("latent", arrays, words))


def extents(figure: Figure) -> tuple[list[Bbox], Bbox]:
    """Where the names of classes stand, and the axis at the left with its labels, pixels."""
    axes, renderer = figure.axes[0], figure.canvas.get_renderer()  # type: ignore[attr-defined]
    left = axes.yaxis.get_tightbbox(renderer)
    assert left is not None
    return [text.get_window_extent(renderer) for text in axes.texts], left


def test_names_of_classes_do_not_lie_on_each_other() -> None:
    names, _ = extents(drawn(1.0, CLASSES * 3))
    assert 3 < len(names) < 24
    assert not [pair for pair in combinations(names, 2) if pair[0].overlaps(pair[1])]


@pytest.mark.parametrize(("scale", "dimensions"), [(1.0, 2), (1.2e4, 2), (1e-5, 2), (1.0, 1)])
def test_what_stands_at_the_left_is_on_the_page(scale: float, dimensions: int) -> None:
    figure = drawn(scale, CLASSES, dimensions)
    _, left = extents(figure)
    assert left.x0 >= 0
