"""Pictures the model makes on its own."""

from typing import ClassVar, Literal

import numpy as np
from matplotlib.figure import Figure
from pydantic import Field

from vaelab.figures.base import BaseFigure, Panel
from vaelab.figures.sheet import fitting_both, largest_side, magnify, on_grid, tile
from vaelab.figures.style import MARGIN, Page, short
from vaelab.figures.subject import Subject

WIDTH, GAP = 720, 2
NAMES = 96
"""Room for the names of the classes, pixels."""
NARROWEST = 420


class SamplesFigure(BaseFigure):
    """The decoder's mean at codes drawn from the prior; of a conditional model, a row per class.

        E[x|z],  z ~ p(z)

    Use it to see what the model can invent. Good reconstructions beside poor samples say that the
    codes do not fill the prior.

    "Auto-encoding variational Bayes" (Kingma and Welling, 2014, figure 5, arXiv 1312.6114).
    """

    needs_flat: ClassVar[bool] = False

    kind: Literal["samples"] = "samples"
    num: int = Field(default=100, ge=1, le=10_000)
    """Samples; of a conditional model as many as fit into rows, at least one per class."""
    columns: int = Field(default=10, ge=1, le=100)
    """Samples in a row."""

    def compute(self, subject: Subject) -> Panel:
        """Pictures `(n, h, w, c)`, row by row, and the class of each."""
        columns = min(self.columns, self.num)
        labels = np.zeros(self.num, np.int64)
        if subject.conditional:
            classes = len(subject.store.classes)
            columns = max(1, min(100, self.num // classes))
            labels = np.repeat(np.arange(classes), columns)
        arrays = {
            "pictures": subject.sample(labels, largest_side(max(columns, 10))),
            "labels": labels,
        }
        words = {"columns": columns, "conditional": subject.conditional}
        return Panel(subject.name(self.kind), arrays, subject.words | words)

    def draw(self, panel: Panel) -> Figure:
        """A sheet of samples."""
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
        page = Page(max(left + width + MARGIN, NARROWEST), height + MARGIN, title, panel.note)
        page.image(left, 0, sheet)
        if conditional:
            row = factor * pictures.shape[1] + GAP
            for label, name in enumerate(panel.words["classes"]):
                page.text(left - 10, row * (label + 0.5) - 8, short(name), align="right", size=10)
        return page.figure
