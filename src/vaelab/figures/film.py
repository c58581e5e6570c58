"""The film of how a latent space forms: a frame for each epoch that has a picture."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from jaxtyping import Float, UInt8

from vaelab.drawing import Page
from vaelab.errors import BadValueError
from vaelab.figures.base import Panel
from vaelab.figures.latent import MAX_POINTS, add_points, latent_page, note_of
from vaelab.figures.plane import squared, window
from vaelab.imaging import write_gif

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDE = 420
"""Of the axes, pixels."""
LENGTH = 12_000
FASTEST, SLOWEST, REST = 60, 500, 2500
"""Milliseconds: the whole film if its frames allow it, a frame's limits, the last frame."""
MAX_COORDINATE = 1e30
"""Of a coordinate from the origin."""


def latent_film(folder: Path) -> Path | None:
    """Draw `latent.gif` from the panels `latent_epoch_<n>.npz` of a folder, a frame for each.

    The axes stand still over all epochs. Where the code has more than two dimensions, every epoch
    is seen in its own PCA plane, turned like the one before.

    Returns:
        The film, or None where the folder has no such panels.
    """
    scratch = Page(SIDE, SIDE, "", "").axes(0, 0, SIDE, SIDE)
    panels = [panel for path in epoch_panels(folder) if (panel := _readable(path, scratch))]
    if not panels:
        return None
    dimensions = len(panels[-1].arrays["window"])
    panels = [panel for panel in panels if len(panel.arrays["window"]) == dimensions]
    screen = Screen(panels)
    each = int(np.clip(LENGTH / len(panels), FASTEST, SLOWEST))
    milliseconds = [each] * (len(panels) - 1) + [REST]
    frames = map(screen.frame, panels)
    return write_gif(folder / "latent.gif", frames, milliseconds, screen.frame(panels[-1]))


class Screen:
    """The page of a film, drawn once: its axes stand still, and so does its heading."""

    def __init__(self, panels: Sequence[Panel]) -> None:
        self.limits = common_window(panels)
        last, dimensions = panels[-1], len(panels[-1].arrays["mean"])
        title = f"{len(last.arrays['points']):,} test images, each at the mean of its posterior"
        if dimensions > 2:
            title += f"; {dimensions} dimensions, every epoch in its own plane of two components"
        longest = max((note_of(panel, self.limits) for panel in panels), key=len)
        self.page, self.axes = latent_page(last, self.limits, SIDE, title, longest)
        self._canvas = cast(Any, self.page.figure.canvas)  # Agg's, which has no types
        self.page.set_note("")
        self._canvas.draw()
        self._empty = self._canvas.copy_from_bbox(self.page.figure.bbox)

    def frame(self, panel: Panel) -> UInt8[np.ndarray, "h w 3"]:
        """An epoch on it."""
        self._canvas.restore_region(self._empty)
        for line in self.page.set_note(note_of(panel, self.limits)):
            self.page.figure.draw_artist(line)
        for artist in add_points(self.axes, panel):
            self.axes.draw_artist(artist)
            artist.remove()
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()


def _readable(path: Path, scratch: "Axes") -> Panel | None:
    """The panel of an epoch; None where it is damaged, so that the film goes on without it."""
    try:
        panel = Panel.load(path)
        for name in ("points", "labels"):  # the same images in every epoch
            panel.arrays[name] = panel.arrays[name][:MAX_POINTS]
        points, axes = panel.arrays["points"], panel.arrays["window"]
        if axes.shape != (points.shape[1], 2) or not (np.abs(points) < MAX_COORDINATE).all():
            raise BadValueError("its points are not of the plane")
        note_of(panel, axes)
        for artist in add_points(scratch, panel):
            artist.remove()
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
