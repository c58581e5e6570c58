"""How pictures look: colours, type, and a page measured in pixels."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from textwrap import wrap

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from vaelab.files import write_bytes

DPI = 100
MARGIN = 18
"""Pixels left free around what a page shows."""
TITLE_LINE = 19
"""Height of a line of the title, pixels."""
TITLE_CHARACTER = 8.2
"""Mean width of its characters, pixels."""

INK = "#222222"
SOFT = "#666666"
FAINT = "#cfcfcf"
ACCENT = "#0072b2"
CONTRAST = "#d55e00"

PALETTE = (
    "#332288", "#88ccee", "#117733", "#ddcc77", "#cc6677",
    "#aa4499", "#44aa99", "#999933", "#882255", "#555555",
)  # fmt: skip
"""Nine colours that stay apart in every kind of colour vision, and a grey.

"Colour schemes" (Tol, 2021, SRON technical note EPS/TN/09-002, figure 5, `muted`).
"""
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")
LONGEST_NAME = 14
COLORS_OF_A_DRAWING, PIXELS_PER_COLOR = 2**14, 16
"""A picture with more colours, or more for its size, is a photograph, and keeps them all."""


@dataclass(frozen=True)
class Mark:
    """How a class is drawn: the marker changes once the colours are used up."""

    color: str
    marker: str

    @classmethod
    def of(cls, label: int) -> "Mark":
        """The mark of a class."""
        cycle, color = divmod(label, len(PALETTE))
        return cls(PALETTE[color], MARKERS[cycle % len(MARKERS)])


def short(name: str) -> str:
    """A class name that fits beside a picture."""
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


class Page:
    """A white page with a heading; axes are placed by pixels counted from its left and heading.

    A picture of pixels placed so keeps every one of them.

    Args:
        width: of the page, pixels.
        height: of what is below the heading, pixels.
        title: what is seen, in a sentence; wrapped to the page.
        note: where it comes from.
    """

    def __init__(self, width: int, height: int, title: str, note: str) -> None:
        lines = wrap(title, int((width - 2 * MARGIN) / TITLE_CHARACTER))
        self.head = 12 + TITLE_LINE * len(lines) + 30
        self.width, self.height = width, height + self.head
        size = (self.width / DPI, self.height / DPI)
        self.figure = Figure(size, dpi=DPI, facecolor="white")
        FigureCanvasAgg(self.figure)
        below = -self.head
        for number, line in enumerate(lines):
            self.text(MARGIN, below + 12 + TITLE_LINE * number, line, size=10.5, color=INK)
        self.text(MARGIN, below + 14 + TITLE_LINE * len(lines), note, size=8.5, color=SOFT)

    def text(
        self,
        left: float,
        top: float,
        words: str,
        size: float = 8.5,
        color: str = INK,
        align: str = "left",
        weight: str = "normal",
    ) -> None:
        """Words whose upper edge is at `top`."""
        x, y = left / self.width, 1 - (self.head + top) / self.height
        self.figure.text(
            x, y, words, size=size, color=color, ha=align, va="top", weight=weight,
            parse_math=False,
        )  # fmt: skip

    def axes(self, left: int, top: int, width: int, height: int) -> Axes:
        """Axes that fill a rectangle."""
        bottom = self.height - self.head - top - height
        axes = self.figure.add_axes(
            (left / self.width, bottom / self.height, width / self.width, height / self.height)
        )
        axes.tick_params(labelsize=8.5, color=SOFT, labelcolor=INK, length=3)
        for side in axes.spines.values():
            side.set_color(FAINT)
        return axes

    def image(
        self,
        left: int,
        top: int,
        pixels: UInt8[np.ndarray, "h w c"],
        extent: tuple[float, float, float, float] | None = None,
    ) -> Axes:
        """Pixels one to one, grey or colour, without ticks.

        Args:
            left: pixels from the page's left edge.
            top: pixels from the heading.
            pixels: `(h, w, 1)` or `(h, w, 3)`.
            extent: left, right, bottom and top of the picture in the axes' coordinates.
        """
        height, width, channels = pixels.shape
        axes = self.axes(left, top, width, height)
        shown = pixels[..., 0] if channels == 1 else pixels
        axes.imshow(
            shown, cmap="gray", vmin=0, vmax=255, interpolation="nearest", aspect="auto",
            extent=extent,
        )  # fmt: skip
        axes.set_xticks([])
        axes.set_yticks([])
        for side in axes.spines.values():
            side.set_visible(False)
        return axes


def number(value: float) -> str:
    """A number on an axis, with a real minus sign."""
    return f"{value:g}".replace("-", "−")


def render(figure: Figure) -> UInt8[np.ndarray, "h w 3"]:
    """The picture as pixels."""
    buffer = BytesIO()
    figure.savefig(buffer, format="rgba", dpi=DPI)
    width, height = (round(length * DPI) for length in figure.get_size_inches())
    return np.frombuffer(buffer.getvalue(), np.uint8).reshape(height, width, 4)[..., :3].copy()


def save_png(figure: Figure, path: Path) -> Path:
    """Write a picture whole; a drawing with a palette of its own, which makes it small."""
    pixels = render(figure)
    if _is_grey(pixels):
        return write_bytes(path, png(pixels[..., :1]))
    image = Image.fromarray(pixels)
    most = min(COLORS_OF_A_DRAWING, image.width * image.height // PIXELS_PER_COLOR)
    if image.getcolors(most) is not None:
        image = image.quantize(256, Image.Quantize.MAXCOVERAGE)
    return write_bytes(path, _encoded(image))


def png(pixels: UInt8[np.ndarray, "h w c"]) -> bytes:
    """Pixels, grey or colour, as a PNG."""
    return _encoded(Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels))


def _is_grey(pixels: UInt8[np.ndarray, "h w 3"]) -> bool:
    return bool((pixels == pixels[..., :1]).all())


def _encoded(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "png")
    return buffer.getvalue()
