"""The latent space as it forms: a film of the scatters of all epochs."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

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


def latent_film(folder: Path) -> Path | None:
    """Draw `latent.gif` from the panels `latent_epoch_<n>.npz` of a folder, a frame for each.

    The axes stand still over all epochs. Where the code has more than two dimensions, every epoch
    is seen in its own PCA plane, turned like the one before.

    Returns:
        The film, or None where the folder has no such panels.
    """
    panels = [thinned(Panel.load(path)) for path in epoch_panels(folder)]
    if not panels:
        return None
    axes = common_window(panels)
    frames = (render(draw_frame(panel, axes)) for panel in panels)
    each = int(np.clip(LENGTH / len(panels), FASTEST, SLOWEST))
    milliseconds = [each] * (len(panels) - 1) + [REST]
    sample = render(draw_frame(panels[-1], axes))
    return write_gif(folder / "latent.gif", frames, milliseconds, sample)


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
