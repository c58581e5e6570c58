"""Learning curves."""

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from jaxtyping import Float

from vaelab.drawing import ACCENT, CONTRAST, FAINT, MARGIN, SOFT, Page, outline
from vaelab.figures.base import BaseFigure, Panel
from vaelab.figures.context import FigureContext

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TERMS = ("elbo", "distortion", "rate")
LEFT, WIDTH, HEIGHT, GAP = 78, 600, 150, 14
KEY = 120
"""Room for the key, pixels."""
BULK = (0.05, 0.95)
"""Quantiles between which most values lie."""


class CurvesFigure(BaseFigure):
    """Distortion, rate and ELBO in nats against the epoch, on training and validation images."""

    formula = "ELBO = -distortion - rate, whatever the objective weighs"
    advice = """Use it to see whether training has gone on long enough, or too long: then the
        validation ELBO falls while that of training still rises."""

    needs_flat: ClassVar[bool] = False

    kind: Literal["curves"] = "curves"

    def compute(self, context: FigureContext) -> Panel:
        """For each split `<split>_epoch` and `<split>_<term>`, `(rows,)`, terms in nats."""
        arrays = {}
        for split in ("train", "valid"):
            rows = [row for row in context.metrics if row["split"] == split]
            columns = {"epoch": "epoch"} | {term: f"{term}_nats" for term in TERMS}
            for name, key in columns.items():
                values = [row[key] for row in rows]
                arrays[f"{split}_{name}"] = np.array(values, np.float64)
        return Panel(context.name(self.kind), arrays, context.words)

    def draw(self, panel: Panel) -> "Figure":
        """Three curves above each other, the best validation ELBO marked."""
        best = _best(panel)
        title = "Distortion, rate and their negative sum, the ELBO, in nats per image"
        height = 3 * HEIGHT + 2 * GAP
        page = Page(LEFT + WIDTH + KEY + MARGIN, height + 52, title, panel.note)
        for row, term in enumerate(TERMS):
            axes = page.axes(LEFT, row * (HEIGHT + GAP), WIDTH, HEIGHT)
            _draw_term(axes, panel, term, best)
            if row < 2:
                axes.tick_params(labelbottom=False)
            else:
                axes.set_xlabel("epoch")
            if row == 0:
                axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.04))
        return page.figure


def _best(panel: Panel) -> int | None:
    """The row of the best validation ELBO."""
    elbo = panel.arrays["valid_elbo"]
    return int(np.nanargmax(elbo)) if np.isfinite(elbo).any() else None


def _draw_term(axes: "Axes", panel: Panel, term: str, best: int | None) -> None:
    arrays = panel.arrays
    train, valid = arrays[f"train_{term}"], arrays[f"valid_{term}"]
    epochs = arrays["valid_epoch"]
    axes.plot(arrays["train_epoch"], train, color=FAINT, lw=1.2, label="train")
    few = len(valid) <= 30
    values = np.concatenate([train, valid])
    limits = (0.0, 1.0)
    if np.isfinite(values).any():
        limits = vertical_range(values[np.isfinite(values)])
        axes.set_ylim(*limits)
    else:
        axes.text(0.5, 0.5, "nothing logged yet", transform=axes.transAxes, ha="center", color=SOFT)
    axes.plot(epochs, valid, color=ACCENT, lw=1.6, marker="o" if few else "", ms=3.5, label="valid")
    if best is not None:
        where = f"best valid\nepoch {epochs[best]:g}"
        axes.axvline(epochs[best], color=CONTRAST, lw=0.9, ls=(0, (4, 3)), zorder=0)
        axes.plot(epochs[best], valid[best], "D", color=CONTRAST, ms=5.5, ls="", label=where)
        low = valid[best] < limits[0] + 0.3 * (limits[1] - limits[0])
        axes.annotate(
            f"{valid[best]:,.2f}".replace("-", "−"), (epochs[best], valid[best]),
            xytext=(-7, 6 if low else -13),
            textcoords="offset points", ha="right", size=9, color=CONTRAST,
            path_effects=outline(3),
        )  # fmt: skip
    axes.set_xlim(0, 1.02 * max([1.0, *epochs, *arrays["train_epoch"]]))
    axes.locator_params("x", integer=True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylabel("elbo (bigger is better)" if term == "elbo" else term)


def vertical_range(values: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """An axis for most values: ones far away, such as those of the first steps, run out of it."""
    low, high = np.quantile(values, BULK)
    reach = high - low
    bottom = max(float(values.min()), float(low - reach / 2))
    top = min(float(values.max()), float(high + reach / 2))
    margin = 0.06 * (top - bottom) or 0.06 * max(1.0, abs(top))
    return bottom - margin, top + margin
