"""Test images beside their reconstructions."""

from typing import ClassVar, Literal

import numpy as np
from matplotlib.figure import Figure
from pydantic import Field

from vaelab.figures.base import BaseFigure, Panel
from vaelab.figures.sheet import fitting, largest_side, magnify, on_grid, tile
from vaelab.figures.style import MARGIN, Page
from vaelab.figures.subject import Subject

GAP = 4


class ReconstructionFigure(BaseFigure):
    """Test images, each beside what the decoder makes of the mean of its posterior.

    A picture, not an estimate: the ELBO decodes samples of the posterior, not its mean. Use it to
    see what of an image the code keeps.
    """

    needs_flat: ClassVar[bool] = False

    kind: Literal["reconstruction"] = "reconstruction"
    num: int = Field(default=100, ge=1, le=10_000)
    """Test images shown, picked at random among all of them."""
    columns: int = Field(default=10, ge=1, le=100)
    """Pairs in a row."""
    invert: bool = True
    """Show grey reconstructions as negatives, so that they are not mistaken for the images."""

    def compute(self, subject: Subject) -> Panel:
        """Images and reconstructions `(n, h, w, c)`, with the index of each in the test set."""
        test = subject.store.test
        index = np.sort(subject.draws().permutation(len(test))[: self.num])
        picked = test.select(index)
        side = largest_side(2 * self.columns)
        arrays = {
            "images": subject.originals(picked, side),
            "reconstructions": subject.reconstructions(picked, side),
            "index": index,
            "labels": picked.labels,
        }
        return Panel(subject.name(self.kind), arrays, subject.words)

    def draw(self, panel: Panel) -> Figure:
        """Pairs of image and reconstruction in rows."""
        images, reconstructions = panel.arrays["images"], panel.arrays["reconstructions"]
        inverted = self.invert and images.shape[-1] == 1
        count, _, width, _ = images.shape
        columns = min(self.columns, count)
        pairs = np.concatenate([images, 255 - reconstructions if inverted else reconstructions], 2)
        factor = fitting(2 * width * columns)
        sheet = tile(on_grid(magnify(pairs, factor), columns), GAP)
        title = (
            f"{count:,} test images, each beside its reconstruction"
            f"{' (inverted)' if inverted else ''}: the mean decoded from its code without noise"
        )
        page = Page(
            max(sheet.shape[1] + 2 * MARGIN, 420), sheet.shape[0] + MARGIN, title, panel.note
        )
        page.image((page.width - sheet.shape[1]) // 2, 0, sheet)
        return page.figure
