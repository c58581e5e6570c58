"""The picture of a data card: samples of each class over the histogram of values."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vaelab.console import Console
from vaelab.data.card import MAX_SAMPLES, DataCard, card
from vaelab.data.source import Source
from vaelab.drawing import save_png
from vaelab.figures.sheet import on_grid, tile

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def show(source: Source, picture: Path, console: Console) -> None:
    """Print the data card and write its picture, a PNG."""
    facts = card(source)
    console.print(facts.table())
    save_png(draw(facts), picture)
    console.say(f"picture: {picture}")


def draw(facts: DataCard) -> "Figure":
    """Samples of each class, one class a row, over the histogram of values."""
    from matplotlib.figure import Figure

    rows = len(facts.samples)
    store, (_, height, width) = facts.store, facts.store.image_shape
    heights = [7.2 / MAX_SAMPLES * height / width] * rows + [2.0]  # inches
    figure = Figure((8, sum(heights) + 1), dpi=150, layout="constrained")
    shown = "" if rows == len(store.classes) else f" (the first {rows} classes)"
    words = f"{store.name}: training images of each class{shown}"
    figure.suptitle(words, parse_math=False)
    axes = figure.subplots(rows + 1, 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, images, name in zip(axes, facts.samples, store.classes, strict=False):
        row = on_grid(images.transpose(0, 2, 3, 1), MAX_SAMPLES)
        axis.imshow(tile(row, 1)[:-1], cmap="gray", vmin=0, vmax=255)
        axis.set_ylabel(name, rotation=0, ha="right", va="center", parse_math=False)
        axis.set(xticks=[], yticks=[], frame_on=False)
    axis = axes[-1]
    axis.stairs(facts.histogram / facts.histogram.sum(), np.arange(257), fill=True)
    axis.set(xlabel="pixel value", ylabel="share of pixels", yscale="log", xlim=(0, 256))
    axis.set_title("how often each value occurs")
    return figure
