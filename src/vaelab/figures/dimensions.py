"""What each dimension of the code carries: its rate, and how much it varies over the images."""

from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Bool

from vaelab.drawing import ACCENT, CONTRAST, FAINT, MARGIN, SOFT, Page
from vaelab.figures.base import BaseFigure, Panel
from vaelab.figures.context import Codes, FigureContext

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACTIVE_VARIANCE = 0.01
"""A unit is active where the mean of its posterior varies by more, Burda et al. (2016)."""
RATES_LEFT, RATES_WIDTH, HEIGHT = 62, 640, 300
MAX_NAMED_RATES = 40


class RatesFigure(BaseFigure):
    """The rate of each dimension of the code in nats, sorted, and which dimensions are active.

    A unit is active where the mean of its posterior varies over the images: Var[E_q z] > 0.01.
    """

    advice = """Use it to see how many dimensions the model needs, and whether its posterior has
        collapsed."""
    references = """
        "Importance weighted autoencoders" (Burda et al., 2016, section 5.2, arXiv 1509.00519)"""

    kind: Literal["rates"] = "rates"

    def compute(self, context: FigureContext) -> Panel:
        """Rates `(d,)` in nats, descending, the dimension of each and whether it is active."""
        rates = context.rates
        order = np.argsort(-rates.nats, kind="stable")
        arrays = {
            "rates": rates.nats[order],
            "dimensions": order,
            "active": active_units(context.codes)[order],
        }
        words = {"exact": rates.exact, "images": len(context.store.test)}
        return Panel(context.name(self.kind), arrays, context.words | words)

    def draw(self, panel: Panel) -> "Figure":
        rates, active = panel.arrays["rates"], panel.arrays["active"]
        count = len(rates)
        page = Page(RATES_LEFT + RATES_WIDTH + MARGIN, HEIGHT + 52, _rates_title(panel), panel.note)
        axes = page.axes(RATES_LEFT, 0, RATES_WIDTH, HEIGHT)
        width = min(0.8, 0.06 * count + 0.14) if count <= MAX_NAMED_RATES else 1.0
        for chosen, color, hatch, name in (
            (active, ACCENT, "", f"active: {active.sum()}"),
            (~active, FAINT, "////", f"inactive: {(~active).sum()}"),
        ):
            if not chosen.any():
                continue
            bars = axes.bar(
                np.flatnonzero(chosen), rates[chosen], width, color=color, hatch=hatch,
                edgecolor="white", linewidth=0, label=name,
            )  # fmt: skip
            if count <= 20:
                axes.bar_label(bars, fmt="{:.2f}", padding=2, size=8.5, color=SOFT)
        axes.set(ylim=(0, max(float(rates.max()) * 1.12, 0.1)), ylabel="nats per image")
        axes.legend(frameon=False, fontsize=9, loc="upper right")
        _name_dimensions(axes, panel, MAX_NAMED_RATES)
        return page.figure


def _name_dimensions(axes: "Axes", panel: Panel, most: int) -> None:
    """Each dimension by its name, where they are not too many."""
    dimensions = panel.arrays["dimensions"]
    axes.set_xlim(-0.6, len(dimensions) - 0.4)
    axes.spines[["top", "right"]].set_visible(False)
    if len(dimensions) <= most:
        axes.set_xticks(range(len(dimensions)), [f"z{one + 1}" for one in dimensions])
    else:
        axes.set_xlabel("dimensions, sorted")


def active_units(codes: Codes) -> Bool[np.ndarray, " d"]:
    """Which dimensions are active: Var[E_q z] > 0.01 over the images."""
    return np.asarray(codes.loc.var(0) > ACTIVE_VARIANCE)


def _rates_title(panel: Panel) -> str:
    rates, count = panel.arrays["rates"], len(panel.arrays["rates"])
    dimensions = f"{count} dimension{'s' if count > 1 else ''}"
    if panel.words["exact"]:
        title = f"The rate, {rates.sum():.2f} nats per image, as the sum of {dimensions}"
    else:
        title = f"What {dimensions} carry by themselves, as Gaussian channels"
    return f"{title}; mean over {panel.words['images']:,} test images"


LEFT, WIDTH, GAP, SIDE = 70, 440, 18, 130
MAX_NAMED = 20
PER_DECADE = 4
"""Bars of the histogram in a factor of ten."""
MIN_DRAWN_VARIANCE = 1e-8
"""A variance below it is drawn there."""


class ActivityFigure(BaseFigure):
    """The variance of the posterior mean in each dimension of the code, sorted, and its histogram.

    A unit is active where Var[E_q z] over the images is above 0.01; the histogram shows whether
    that threshold falls into a gap between used and unused units, as it should: Burda et al.
    (2016).
    """

    advice = "Use it to choose `model.latent`: dimensions that stay inactive can be left away."
    references = """
        "Importance weighted autoencoders" (Burda et al., 2016, section 5.2, arXiv 1509.00519)"""

    kind: Literal["activity"] = "activity"

    def compute(self, context: FigureContext) -> Panel:
        """Variances `(d,)`, descending, and the dimension of each."""
        variances = context.codes.loc.astype(np.float64).var(0)
        order = np.argsort(-variances, kind="stable")
        arrays = {"variances": variances[order], "dimensions": order}
        words = {"images": len(context.store.test)}
        return Panel(context.name(self.kind), arrays, context.words | words)

    def draw(self, panel: Panel) -> "Figure":
        """Points from the left, and how many there are at each height to their right."""
        shown = np.maximum(panel.arrays["variances"], MIN_DRAWN_VARIANCE)
        active, count = shown > ACTIVE_VARIANCE, len(shown)
        page = Page(
            LEFT + WIDTH + GAP + SIDE + MARGIN, HEIGHT + 52, _activity_title(panel), panel.note
        )
        points = page.axes(LEFT, 0, WIDTH, HEIGHT)
        bars = page.axes(LEFT + WIDTH + GAP, 0, SIDE, HEIGHT)
        edges = _edges(shown)
        points.vlines(np.arange(count), edges[0], shown, color=FAINT, linewidth=1)
        for chosen, color, name in (
            (active, ACCENT, f"active: {active.sum()}"),
            (~active, SOFT, f"inactive: {(~active).sum()}"),
        ):
            if not chosen.any():
                continue
            size = 7 if count <= MAX_NAMED else 4
            points.plot(
                np.flatnonzero(chosen), shown[chosen], "o", color=color, markersize=size, label=name
            )
            bars.hist(
                shown[chosen], list(edges), orientation="horizontal", color=color,
                edgecolor="white", linewidth=0.5,
            )  # fmt: skip
        for axes in (points, bars):
            axes.set(yscale="log", ylim=(edges[0], edges[-1]))
            axes.axhline(ACTIVE_VARIANCE, color=CONTRAST, linestyle="--", linewidth=1)
            axes.tick_params(which="minor", left=False)
        bars.spines[["top", "right"]].set_visible(False)
        bars.set(yticklabels=[], xlim=(0, None), xlabel="how many")
        bars.locator_params("x", integer=True, nbins=4)
        points.set_ylabel("variance of the posterior mean")
        points.legend(frameon=False, fontsize=9, loc="best")
        _name_dimensions(points, panel, MAX_NAMED)
        return page.figure


def _edges(values: np.ndarray) -> np.ndarray:
    """Of the histogram's bars: the threshold is one of them, and a decade is left around all."""
    ends = np.log10([min(values.min(), ACTIVE_VARIANCE), max(values.max(), ACTIVE_VARIANCE)])
    steps = (ends - np.log10(ACTIVE_VARIANCE)) * PER_DECADE
    numbers = np.arange(np.floor(steps[0]) - 2, np.ceil(steps[1]) + 3)
    return np.asarray(ACTIVE_VARIANCE * 10 ** (numbers / PER_DECADE))


def _activity_title(panel: Panel) -> str:
    variances = panel.arrays["variances"]
    active, count = int((variances > ACTIVE_VARIANCE).sum()), len(variances)
    dimensions = f"{count} dimension{'s' * (count > 1)}"
    return (
        f"{active} of {dimensions} active: the mean of the posterior varies by more than "
        f"{ACTIVE_VARIANCE:g} over {panel.words['images']:,} test images"
    )
