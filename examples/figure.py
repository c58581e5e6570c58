"""A figure of your own.

vaelab figures RUN norms --plugin examples/figure.py
"""

from typing import Literal

import numpy as np
from matplotlib.figure import Figure

from vaelab.drawing import ACCENT, MARGIN, Page
from vaelab.figures import BaseFigure, FigureContext, Panel

WIDTH, HEIGHT, LEFT = 480, 280, 60


class NormsFigure(BaseFigure):
    """Lengths of the posterior means of the test images, beside those of draws of N(0, I)."""

    kind: Literal["norms"] = "norms"

    def compute(self, context: FigureContext) -> Panel:
        """Arrays to draw, from the model; they are saved beside the picture."""
        norms = np.linalg.norm(context.codes.loc, axis=1)
        dimension = {"dimension": context.codes.loc.shape[1]}
        return Panel(context.name(self.kind), {"norms": norms}, context.words | dimension)

    def draw(self, panel: Panel) -> Figure:
        """The picture, from the arrays alone."""
        title = f"Length of the code, d = {panel.words['dimension']}"
        page = Page(LEFT + WIDTH + MARGIN, HEIGHT + 52, title, panel.note)
        axes = page.axes(LEFT, 0, WIDTH, HEIGHT)
        axes.hist(panel.arrays["norms"], bins=40, color=ACCENT)
        axes.axvline(panel.words["dimension"] ** 0.5, color="black", linestyle=":")
        axes.set_xlabel("|E z|; dotted: the root of d, near which draws of N(0, I) lie")
        axes.set_ylabel("test images")
        return page.figure
