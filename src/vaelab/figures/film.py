"""The latent space as it forms: a film of the scatters of all epochs."""

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from pydantic import BaseModel

from vaelab.errors import BadValueError
from vaelab.figures.animation import write_gif
from vaelab.figures.base import Panel
from vaelab.figures.latent import draw_latent
from vaelab.figures.plane import squared, window
from vaelab.figures.style import render

SIDE = 420
MOST_POINTS = 2000
LENGTH = 12_000
FASTEST, SLOWEST, REST = 60, 500, 2500
"""Milliseconds: the whole film if its frames allow it, a frame's limits, the last frame."""
FARTHEST = 1e30
"""Of a coordinate from the origin."""


class _Words(BaseModel):
    """What a picture of the latent space says."""

    classes: list[str]
    axes: list[str]
    run: str
    data: str
    moment: str
    explained: float


def latent_film(folder: Path) -> Path | None:
    """Draw `latent.gif` from the panels `latent_epoch_<n>.npz` of a folder, a frame for each.

    The axes stand still over all epochs. Where the code has more than two dimensions, every epoch
    is seen in its own PCA plane, turned like the one before.

    Returns:
        The film, or None where the folder has no such panels.
    """
    panels = [thinned(panel) for path in epoch_panels(folder) if (panel := _frame(path))]
    panels = [one for one in panels if _dimensions(one) == _dimensions(panels[-1])]
    if not panels:
        return None
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
        _check(panel)
    except (BadValueError, KeyError, TypeError, ValueError) as error:
        logging.getLogger("vaelab").warning("%s: the film goes on without it (%s)", path, error)
        return None
    return panel


def _check(panel: Panel) -> None:
    """Refuse a panel that cannot be drawn.

    Raises:
        ValueError: what is wrong with it; KeyError or TypeError likewise.
    """
    points, labels, window = (panel.arrays[name] for name in ("points", "labels", "window"))
    count, dimensions = points.shape
    words = _Words.model_validate(panel.words)
    if not (count and dimensions in (1, 2) and len(words.axes) >= dimensions):
        raise ValueError(f"points of shape {points.shape}")
    if (
        window.shape != (dimensions, 2)
        or labels.shape != (count,)
        or panel.arrays["mean"].ndim != 1
    ):
        raise ValueError("its arrays do not fit together")
    if labels.dtype.kind not in "iu" or not 0 <= labels.min() <= labels.max() < len(words.classes):
        raise ValueError("its labels are no classes")
    if not (np.abs(points) < FARTHEST).all() or not (np.abs(window) < FARTHEST).all():
        raise ValueError("its numbers are not finite")


def _dimensions(panel: Panel) -> int:
    return len(panel.arrays["window"])


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


def thinned(panel: Panel) -> Panel:
    """A panel with at most `MOST_POINTS` points, the same images in every epoch."""
    some = {name: panel.arrays[name][:MOST_POINTS] for name in ("points", "labels")}
    return replace(panel, arrays=panel.arrays | some)


def common_window(panels: Sequence[Panel]) -> Float[np.ndarray, "k 2"]:
    """Axes that hold nearly all points of all epochs, and all that the last epoch's axes hold."""
    everything = window(np.concatenate([panel.arrays["points"] for panel in panels]))
    both = np.stack([everything, panels[-1].arrays["window"]])
    return squared(both[..., 0].min(0), both[..., 1].max(0))


def draw_frame(panel: Panel, axes: Float[np.ndarray, "k 2"]) -> Figure:
    """One epoch on the common axes; its heading is as high as every other's."""
    count, dimensions = len(panel.arrays["points"]), len(panel.arrays["mean"])
    title = f"{count:,} test images, each at the mean of its posterior"
    if dimensions > 2:
        title += f"; {dimensions} dimensions, every epoch in its own plane of two components"
    return draw_latent(panel, axes, SIDE, title)
