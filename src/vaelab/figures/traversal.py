"""What each dimension of the code does by itself."""

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from vaelab.drawing import INK, MARGIN, SOFT, Page, number
from vaelab.figures.base import BaseFigure, Panel
from vaelab.figures.context import FigureContext
from vaelab.figures.dimensions import active_units
from vaelab.figures.sheet import fitting_both, largest_side, magnify, tile

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, GAP = 720, 2
LABELS = 150
"""Room for the names of the dimensions, pixels."""
HEADER_WIDTH = 46


class TraversalFigure(BaseFigure):
    """The decoder's mean while one dimension of the code varies and the others stay.

    Dimensions that carry most come first.
    """

    advice = """Use it to see what each dimension stands for, above all after an objective that
        disentangles."""
    references = '"beta-VAE" (Higgins et al., 2017, figure 2)'

    kind: Literal["traversal"] = "traversal"
    start: Literal["mean"] | int = "mean"
    """The code that is varied: the mean of all test images', or that of the test image with this
    index."""
    reach: float = Field(default=3.0, gt=0, allow_inf_nan=False)
    """Distance to either side, in standard deviations of the dimension over q(z), the posteriors of
    all test images together."""
    steps: int = Field(default=11, ge=2, le=101)
    """Pictures of each dimension; an odd number has the code itself in the middle."""
    dimensions: int | None = Field(default=16, ge=1)
    """Dimensions shown at most; null shows all."""
    label: str | int | None = None
    """Class to decode as, of a conditional model; null is that of the image, or the first."""

    def compute(self, context: FigureContext) -> Panel:
        """Pictures `(rows, steps, h, w, c)`, the codes `(rows, steps, d)`, and each row's rate."""
        codes, rates = context.codes, context.rates
        order = np.argsort(-rates.nats, kind="stable")[: self.dimensions]
        start, label = self._start(context)
        # Var over q(z) = Var[loc] + E[scale^2]
        spread = np.sqrt(codes.loc.var(0) + (codes.scale**2).mean(0))
        offsets = np.linspace(-self.reach, self.reach, self.steps, dtype=start.dtype)
        varied = np.tile(start, (len(order), self.steps, 1))
        for row, dimension in enumerate(order):
            varied[row, :, dimension] += offsets * spread[dimension]
        flat = varied.reshape(-1, len(start))
        labels = np.full(len(flat), label, np.int64)
        pictures = context.decode(flat, labels, largest_side(self.steps))
        arrays = {
            "pictures": pictures.reshape(*varied.shape[:2], *pictures.shape[1:]),
            "codes": varied,
            "dimensions": order,
            "rates": rates.nats[order],
            "active": active_units(codes)[order],
            "offsets": offsets,
        }
        words = {
            "start": self.start,
            "exact": rates.exact,
            "of": len(start),
            "decoded_as": context.store.classes[label] if context.conditional else None,
        }
        return Panel(context.name(self.kind), arrays, context.words | words)

    def draw(self, panel: Panel) -> "Figure":
        arrays, pictures = panel.arrays, panel.arrays["pictures"]
        rows, steps, picture_height, picture_width, _ = pictures.shape
        factor = fitting_both(max(steps, 5) * picture_width, rows * picture_height, WIDTH)
        large = magnify(pictures, factor)
        sheet = tile(large, GAP)
        height, width, _ = sheet.shape
        cell_height, cell_width = height / rows, width / steps
        page = Page(LABELS + width + MARGIN, height + 22 + MARGIN, _title(panel), panel.note)
        every = -(-HEADER_WIDTH // int(cell_width))
        for column in range(steps // 2 % every, steps, every):
            offset = round(float(arrays["offsets"][column]), 1)
            middle = LABELS + cell_width * (column + 0.5)
            words = f"{number(offset)}σ" if offset else "0"
            page.text(middle, 0, words, align="center", color=SOFT)
        page.image(LABELS, 22, sheet)
        for row, dimension in enumerate(arrays["dimensions"]):
            active = bool(arrays["active"][row])
            # a prior that ties the dimensions together leaves an estimate of each one's part
            about = "" if panel.words["exact"] else "≈ "
            words = f"z{dimension + 1}   {about}{arrays['rates'][row]:.2f} nats"
            top = 22 + cell_height * (row + 0.5) - (8 if active else 15)
            page.text(MARGIN, top, words, size=9.5, color=INK if active else SOFT)
            if not active:
                page.text(MARGIN, top + 16, "inactive", color=SOFT)
        return page.figure

    def _start(self, context: FigureContext) -> tuple[np.ndarray, int]:
        if self.start == "mean":
            start, label = context.codes.loc.mean(0), 0
        else:
            context.check_index("traversal.start", self.start)
            start, label = context.codes.loc[self.start], int(context.codes.labels[self.start])
        return start, label if self.label is None else context.label_index(self.label)


def _title(panel: Panel) -> str:
    words, rows = panel.words, len(panel.arrays["dimensions"])
    around = "mean code" if words["start"] == "mean" else f"code of test image {words['start']}"
    shown = "each dimension" if rows == words["of"] else f"{rows} of {words['of']} dimensions, each"
    of_class = "" if words["decoded_as"] is None else f"Class {words['decoded_as']}: "
    title = f"{of_class}{shown} varied by itself around the {around}, those that carry most first"
    return title[0].upper() + title[1:]
