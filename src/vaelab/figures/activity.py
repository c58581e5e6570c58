"""How much each dimension of the code varies from image to image."""

from typing import Literal

import numpy as np
from matplotlib.figure import Figure

from vaelab.figures.base import BaseFigure, Panel
from vaelab.figures.rates import ACTIVE_VARIANCE
from vaelab.figures.style import ACCENT, CONTRAST, FAINT, INK, MARGIN, SOFT, Page
from vaelab.figures.subject import Subject

LEFT, WIDTH, GAP, SIDE, HEIGHT = 70, 440, 18, 130, 300
MOST_NAMED = 20
PER_DECADE = 4
"""Bars of the histogram in a factor of ten."""
FLOOR = 1e-8
"""A variance below it is drawn there."""


class ActivityFigure(BaseFigure):
    """The variance of the posterior mean in each dimension of the code, sorted, and its histogram.

    A unit is active where Var[E_q z] over the images is above 0.01; the histogram shows whether
    that threshold falls into a gap between used and unused units, as it should: "Importance
    weighted autoencoders" (Burda et al., 2016, section 5.2, arXiv 1509.00519). Use it to choose
    `model.latent`: dimensions that stay inactive can be left away.
    """

    kind: Literal["activity"] = "activity"

    def compute(self, subject: Subject) -> Panel:
        """Variances `(d,)`, descending, and the dimension of each."""
        variances = subject.codes.loc.astype(np.float64).var(0)
        order = np.argsort(-variances, kind="stable")
        arrays = {"variances": variances[order], "dimensions": order}
        words = {"images": len(subject.store.test)}
        return Panel(subject.name(self.kind), arrays, subject.words | words)

    def draw(self, panel: Panel) -> Figure:
        """Points from the left, and how many there are at each height to their right."""
        shown = np.maximum(panel.arrays["variances"], FLOOR)
        active, count = shown > ACTIVE_VARIANCE, len(shown)
        page = Page(LEFT + WIDTH + GAP + SIDE + MARGIN, HEIGHT + 52, _title(panel), panel.note)
        points = page.axes(LEFT, 0, WIDTH, HEIGHT)
        bars = page.axes(LEFT + WIDTH + GAP, 0, SIDE, HEIGHT)
        places = np.arange(count)
        edges = _edges(shown)
        for chosen, color, name in (
            (active, ACCENT, f"active: {active.sum()}"),
            (~active, SOFT, f"inactive: {(~active).sum()}"),
        ):
            if not chosen.any():
                continue
            points.vlines(places[chosen], edges[0], shown[chosen], color=FAINT, linewidth=1)
            size = 7 if count <= MOST_NAMED else 4
            points.plot(
                places[chosen], shown[chosen], "o", color=color, markersize=size, label=name
            )
            heights, _ = np.histogram(shown[chosen], edges)
            bars.barh(
                edges[:-1], heights, np.diff(edges), align="edge", color=color,
                edgecolor="white", linewidth=0.5,
            )  # fmt: skip
        for axes in (points, bars):
            axes.set_yscale("log")
            axes.set_ylim(edges[0], edges[-1])
            axes.axhline(ACTIVE_VARIANCE, color=CONTRAST, linestyle="--", linewidth=1)
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(which="minor", left=False)
        bars.set_yticklabels([])
        bars.set_xlim(0, None)
        bars.locator_params("x", integer=True, nbins=4)
        bars.set_xlabel("how many", size=9, color=INK)
        points.set_ylabel("variance of the posterior mean", size=9, color=INK)
        points.set_xlim(-0.6, count - 0.4)
        points.legend(frameon=False, fontsize=9, loc="best")
        if count <= MOST_NAMED:
            points.set_xticks(places, [f"z{number + 1}" for number in panel.arrays["dimensions"]])
        else:
            points.set_xlabel("dimensions, sorted", size=9, color=INK)
        return page.figure


def _edges(values: np.ndarray) -> np.ndarray:
    """Of the histogram's bars: the threshold is one of them, and a decade is left around all."""
    ends = np.log10([min(values.min(), ACTIVE_VARIANCE), max(values.max(), ACTIVE_VARIANCE)])
    steps = (ends - np.log10(ACTIVE_VARIANCE)) * PER_DECADE
    numbers = np.arange(np.floor(steps[0]) - 2, np.ceil(steps[1]) + 3)
    return np.asarray(ACTIVE_VARIANCE * 10 ** (numbers / PER_DECADE))


def _title(panel: Panel) -> str:
    variances = panel.arrays["variances"]
    active, count = int((variances > ACTIVE_VARIANCE).sum()), len(variances)
    dimensions = f"{count} dimension{'s' * (count > 1)}"
    return (
        f"{active} of {dimensions} active: the mean of the posterior varies by more than "
        f"{ACTIVE_VARIANCE:g} over {panel.words['images']:,} test images"
    )
