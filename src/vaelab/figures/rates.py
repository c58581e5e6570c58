"""How many nats each dimension of the code carries."""

from typing import Literal

import numpy as np
from jaxtyping import Bool
from matplotlib.figure import Figure

from vaelab.figures.base import BaseFigure, Panel
from vaelab.figures.style import ACCENT, FAINT, INK, MARGIN, SOFT, Page
from vaelab.figures.subject import Codes, Subject

ACTIVE_VARIANCE = 0.01
"""A unit is active where the mean of its posterior varies by more, Burda et al. (2016)."""
LEFT, WIDTH, HEIGHT = 62, 640, 300
MOST_NAMED = 40


class RatesFigure(BaseFigure):
    """The rate of each dimension of the code in nats, sorted, and which dimensions are active.

    A unit is active where the mean of its posterior varies over the images: Var[E_q z] > 0.01. Use
    it to see how many dimensions the model needs, and whether its posterior has collapsed.

    "Importance weighted autoencoders" (Burda et al., 2016, section 5.2, arXiv 1509.00519).
    """

    kind: Literal["rates"] = "rates"

    def compute(self, subject: Subject) -> Panel:
        """Rates `(d,)` in nats, descending, the dimension of each and whether it is active."""
        rates = subject.rates
        order = np.argsort(-rates.nats, kind="stable")
        arrays = {
            "rates": rates.nats[order],
            "dimensions": order,
            "active": active_units(subject.codes)[order],
        }
        words = {"exact": rates.exact, "images": len(subject.store.test)}
        return Panel(subject.name(self.kind), arrays, subject.words | words)

    def draw(self, panel: Panel) -> Figure:
        """Bars from the left."""
        rates, active = panel.arrays["rates"], panel.arrays["active"]
        count = len(rates)
        page = Page(LEFT + WIDTH + MARGIN, HEIGHT + 52, _title(panel), panel.note)
        axes = page.axes(LEFT, 0, WIDTH, HEIGHT)
        places = np.arange(count)
        width = min(0.8, 0.06 * count + 0.14)
        for chosen, color, hatch, name in (
            (active, ACCENT, "", f"active: {active.sum()}"),
            (~active, FAINT, "////", f"inactive: {(~active).sum()}"),
        ):
            if not chosen.any():
                continue
            axes.bar(
                places[chosen], rates[chosen], width if count <= MOST_NAMED else 1.0,
                color=color, hatch=hatch, edgecolor="white", linewidth=0, label=name,
            )  # fmt: skip
        axes.set_xlim(-0.6, count - 0.4)
        axes.set_ylim(0, max(float(rates.max()) * 1.12, 0.1))
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylabel("nats per image", size=9, color=INK)
        axes.legend(frameon=False, fontsize=9, loc="upper right")
        if count <= MOST_NAMED:
            names = [f"z{dimension + 1}" for dimension in panel.arrays["dimensions"]]
            axes.set_xticks(places, names)
            for place, rate in zip(places, rates, strict=True):
                if count <= 20:
                    axes.annotate(
                        f"{rate:.2f}", (place, rate), xytext=(0, 3), textcoords="offset points",
                        ha="center", size=8.5, color=SOFT,
                    )  # fmt: skip
        else:
            axes.set_xlabel("dimensions, sorted", size=9, color=INK)
        return page.figure


def active_units(codes: Codes) -> Bool[np.ndarray, " d"]:
    """Which dimensions are active: Var[E_q z] > 0.01 over the images."""
    return np.asarray(codes.loc.var(0) > ACTIVE_VARIANCE)


def _title(panel: Panel) -> str:
    rates, count = panel.arrays["rates"], len(panel.arrays["rates"])
    dimensions = f"{count} dimension{'s' if count > 1 else ''}"
    if panel.words["exact"]:
        title = f"The rate, {rates.sum():.2f} nats per image, as the sum of {dimensions}"
    else:
        title = f"What {dimensions} carry by themselves, as Gaussian channels"
    return f"{title}; mean over {panel.words['images']:,} test images"
