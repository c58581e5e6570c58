"""Samples beside the training images nearest to them."""

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from pydantic import Field
from torch import Tensor

from vaelab.data.loading.evaluation import to_device
from vaelab.data.store import Images
from vaelab.drawing import MARGIN, Page, number
from vaelab.figures.base import BaseFigure, Panel
from vaelab.figures.context import FigureContext
from vaelab.figures.sheet import fitting, largest_side, magnify, tile
from vaelab.quality import Features, FeaturesName, features_named, nearest
from vaelab.quality.features import at_most
from vaelab.quality.images import SampleKind, as_uint8, comparison_subset, default_sample_kind

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GAP, BETWEEN = 4, 28
"""Pixels between pictures, and between the two halves."""
ROOM = 430
"""Width that a half is magnified to fill, pixels."""
CAPTION = 24
"""Height of the line above each half, pixels."""
DISTANCE = 44
"""Room for a distance at the end of a row, pixels."""


class NearestFigure(BaseFigure):
    """Samples, each followed by the training images nearest to it; beside them, test images."""

    advice = "Use it to see whether the model invents or remembers."
    references = """
        Samples that copy training images are much nearer to them than test images are: "A
        non-parametric test to detect data-copying in generative models" (Meehan et al., 2020, arXiv
        2004.05675)"""

    needs_flat: ClassVar[bool] = False

    kind: Literal["nearest"] = "nearest"
    num: int = Field(default=10, ge=1, le=100)
    """Samples, and as many test images."""
    neighbours: int = Field(default=5, ge=1, le=20)
    """Training images beside each."""
    features: FeaturesName = "pixels"
    """Distances are of `pixels`, or of features of a `classifier` of the training images."""
    made: SampleKind | None = None
    """Samples are the `mean` of p(x|z) or a `draw`; null: draws of black and white pixels only."""

    def compute(self, context: FigureContext) -> Panel:
        """Pictures `(n, h, w, c)`, their neighbours `(n, k, h, w, c)`, distances `(n, k)`."""
        features = features_named(self.features, context.store, context.pixels)
        training = as_uint8(comparison_subset(context.store.train), context.pixels)
        among = features.of(training, "training images")
        return self.panel(context, features, training, among)

    def panel(
        self,
        context: FigureContext,
        features: Features,
        training: Images,
        among: Float[Tensor, "n f"],
    ) -> Panel:
        """As `compute`, under any features, given the training images and theirs."""
        store, pixels = context.store, context.pixels
        made = default_sample_kind(pixels) if self.made is None else self.made
        shown = context.draws().permutation(len(store.test))[: self.num]
        test = store.test.select(np.sort(shown))
        drawn = context.images(test.labels, made)
        side = largest_side(2 * (1 + self.neighbours))
        arrays: dict[str, np.ndarray] = {}
        for name, images in (("samples", drawn), ("test", as_uint8(test, pixels))):
            distances, index = nearest(features.of(images, name), among, self.neighbours)
            near = _pictures(training[index.flatten().numpy()], side)
            arrays |= {
                name: _pictures(images, side),
                f"{name}_neighbours": near.reshape(*index.shape, *near.shape[1:]),
                f"{name}_distances": distances.numpy(),
                f"{name}_index": index.numpy(),
            }
        whole, some = store.training_images, len(among)
        of = f" among {some:,} of the {whole:,}" if some < whole else ""
        words = {"features": features.name, "made": made, "of": of}
        return Panel(context.name(self.kind), arrays, context.words | words)

    def draw(self, panel: Panel) -> "Figure":
        """Two halves: samples and test images, each before its neighbours."""
        rows, neighbours = panel.arrays["samples_distances"].shape
        height, width = panel.arrays["samples"].shape[1:3]
        factor = fitting((1 + neighbours) * width, ROOM)
        cell_height, cell_width = factor * height + GAP, factor * width + GAP
        half = (1 + neighbours) * cell_width + GAP + DISTANCE
        title = (
            f"Samples ({panel.words['made']}s of p(x|z)) and test images, each followed by the "
            f"{neighbours} training images nearest to it{panel.words['of']}, and the distance of "
            f"the first, in {panel.words['features']}. Test images are no copies; copies are far "
            "nearer"
        )
        page_width = 2 * (MARGIN + half) + BETWEEN
        page = Page(page_width, CAPTION + rows * cell_height + MARGIN, title, panel.note)
        for name, left in (("samples", MARGIN), ("test", MARGIN + half + BETWEEN)):
            pictures, near = panel.arrays[name], panel.arrays[f"{name}_neighbours"]
            distances = panel.arrays[f"{name}_distances"][:, 0]
            words = "samples" if name == "samples" else "test images"
            page.text(left, 0, f"{words}: {_short(np.median(distances))} away, the median", 9.5)
            page.image(left, CAPTION, tile(magnify(pictures[:, None], factor), GAP))
            page.image(left + cell_width + GAP, CAPTION, tile(magnify(near, factor), GAP))
            for row, distance in enumerate(distances):
                middle = CAPTION + (row + 0.5) * cell_height - 7
                page.text(left + half - DISTANCE + 6, middle, _short(distance))
        return page.figure


def _short(distance: float) -> str:
    return number(float(f"{distance:.2g}"))


def _pictures(images: Images, side: int) -> UInt8[np.ndarray, "n height width c"]:
    """Images to be shown, none larger than `side`."""
    shown = at_most(to_device(images, "cpu") / 255, side)
    return (255 * shown).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
