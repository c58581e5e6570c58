"""Pictures on a grid: test images beside their reconstructions, and what the model invents."""

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from vaelab.drawing import MARGIN, Page, short
from vaelab.figures.base import BaseFigure, Panel
from vaelab.figures.context import FigureContext
from vaelab.figures.sheet import fitting, fitting_both, largest_side, magnify, on_grid, tile

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAIR_GAP, WIDTH, GAP = 4, 720, 2
NAMES = 96
"""Room for the names of the classes, pixels."""
MIN_PAGE_WIDTH = 420


class ReconstructionFigure(BaseFigure):
    """Test images, each beside what the decoder makes of the mean of its posterior.

    A picture, not an estimate: the ELBO decodes samples of the posterior, not its mean.
    """

    advice = "Use it to see what of an image the code keeps."

    needs_flat: ClassVar[bool] = False

    kind: Literal["reconstruction"] = "reconstruction"
    num: int = Field(default=100, ge=1, le=10_000)
    """Test images shown, picked at random among all of them."""
    columns: int = Field(default=10, ge=1, le=100)
    """Pairs in a row."""
    invert: bool = True
    """Whether grey reconstructions are shown as negatives, not to be mistaken for the images."""

    def compute(self, context: FigureContext) -> Panel:
        """Images and reconstructions `(n, h, w, c)`, with the index of each in the test set."""
        test = context.store.test
        index = np.sort(context.draws().permutation(len(test))[: self.num])
        picked = test.select(index)
        side = largest_side(2 * self.columns)
        arrays = {
            "images": context.originals(picked, side),
            "reconstructions": context.reconstructions(picked, side),
            "index": index,
            "labels": picked.labels,
        }
        return Panel(context.name(self.kind), arrays, context.words)

    def draw(self, panel: Panel) -> "Figure":
        images, reconstructions = panel.arrays["images"], panel.arrays["reconstructions"]
        inverted = self.invert and images.shape[-1] == 1
        count, _, width, _ = images.shape
        columns = min(self.columns, count)
        pairs = np.concatenate([images, 255 - reconstructions if inverted else reconstructions], 2)
        factor = fitting(2 * width * columns)
        sheet = tile(on_grid(magnify(pairs, factor), columns), PAIR_GAP)
        title = (
            f"{count:,} test images, each beside its reconstruction"
            f"{' (inverted)' if inverted else ''}: the mean decoded from its code without noise"
        )
        height, width, _ = sheet.shape
        page = Page(max(width + 2 * MARGIN, MIN_PAGE_WIDTH), height + MARGIN, title, panel.note)
        page.image((page.width - width) // 2, 0, sheet)
        return page.figure


class SamplesFigure(BaseFigure):
    """The decoder's mean at codes drawn from the prior; of a conditional model, a row per class."""

    formula = "E[x|z],  z ~ p(z)"
    advice = """Use it to see what the model can invent. Good reconstructions beside poor samples
        say that the codes do not fill the prior."""
    references = """
        "Auto-encoding variational Bayes" (Kingma and Welling, 2014, figure 5, arXiv 1312.6114)"""

    needs_flat: ClassVar[bool] = False

    kind: Literal["samples"] = "samples"
    num: int = Field(default=100, ge=1, le=10_000)
    """Samples; of a conditional model as many as fit into rows, at least one per class."""
    columns: int = Field(default=10, ge=1, le=100)
    """Samples in a row."""

    def compute(self, context: FigureContext) -> Panel:
        """Pictures `(n, h, w, c)`, row by row, and the class of each."""
        columns = min(self.columns, self.num)
        labels = np.zeros(self.num, np.int64)
        if context.conditional:
            classes = len(context.store.classes)
            columns = max(1, min(100, self.num // classes))
            labels = np.repeat(np.arange(classes), columns)
        arrays = {
            "pictures": context.sample(labels, largest_side(max(columns, 10))),
            "labels": labels,
        }
        words = {"columns": columns, "conditional": context.conditional}
        return Panel(context.name(self.kind), arrays, context.words | words)

    def draw(self, panel: Panel) -> "Figure":
        pictures, columns = panel.arrays["pictures"], panel.words["columns"]
        conditional = panel.words["conditional"]
        rows = -(-len(pictures) // columns)
        height, width = pictures.shape[1:3]
        factor = fitting_both(max(columns, 10) * width, rows * height, WIDTH)
        sheet = tile(on_grid(magnify(pictures, factor), columns), GAP)
        height, width, _ = sheet.shape
        title = f"{len(pictures):,} samples: codes from the prior, and the mean decoded from each"
        title += ", one row for each class" if conditional else ""
        left = NAMES if conditional else MARGIN
        page = Page(max(left + width + MARGIN, MIN_PAGE_WIDTH), height + MARGIN, title, panel.note)
        page.image(left, 0, sheet)
        if conditional:
            row = factor * pictures.shape[1] + GAP
            for label, name in enumerate(panel.words["classes"]):
                page.text(left - 10, row * (label + 0.5) - 8, short(name), align="right", size=10)
        return page.figure
