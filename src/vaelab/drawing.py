"""How pictures look: colours, type, and a page measured in pixels."""

from io import BytesIO
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from vaelab.files import write_bytes
from vaelab.imaging import png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patheffects import AbstractPathEffect
    from matplotlib.text import Text

VectorFormat = Literal["svg", "pdf"]
DATE = {".svg": "Date", ".pdf": "CreationDate"}
"""What would make each file another one, though the picture is the same."""
DPI = 100
MARGIN = 18
"""Pixels left free around what a page shows."""
TITLE_LINE = 19
"""Height of a line of the title, pixels."""
NOTE_LINE = 14
"""Height of a line below it, pixels."""
TITLE_CHARACTER, NOTE_CHARACTER = 8.2, 6.6
"""Mean width of their characters, pixels."""

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
MAX_NAME_LENGTH = 14
COLORS_OF_A_DRAWING, PIXELS_PER_COLOR = 2**14, 16
"""A picture with more colours, or more for its size, is a photograph, and keeps them all."""


def mark(label: int) -> tuple[str, str]:
    """Colour and marker of a class: the marker changes once the colours are used up."""
    cycle, color = divmod(label, len(PALETTE))
    return PALETTE[color], MARKERS[cycle % len(MARKERS)]


def short(name: str) -> str:
    """A class name that fits beside a picture."""
    return name if len(name) <= MAX_NAME_LENGTH else name[: MAX_NAME_LENGTH - 1] + "…"


class Page:
    """A white page with a heading; axes are placed by pixels counted from its left and heading.

    A picture of pixels placed so keeps every one of them.

    Args:
        width: of the page, pixels.
        height: of what is below the heading, pixels.
        title: what is seen, in a sentence; wrapped to the page.
        note: where it comes from; wrapped likewise.
    """

    def __init__(self, width: int, height: int, title: str, note: str) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        lines = wrap(title, int((width - 2 * MARGIN) / TITLE_CHARACTER))
        notes = wrap(note, int((width - 2 * MARGIN) / NOTE_CHARACTER))
        self.head = 12 + TITLE_LINE * len(lines) + NOTE_LINE * max(1, len(notes)) + 16
        self.width, self.height = width, height + self.head
        size = (self.width / DPI, self.height / DPI)
        self.figure = Figure(size, dpi=DPI, facecolor="white")
        FigureCanvasAgg(self.figure)
        below = -self.head
        for number, line in enumerate(lines):
            self.text(MARGIN, below + 12 + TITLE_LINE * number, line, size=10.5, color=INK)
        below += 14 + TITLE_LINE * len(lines)
        self._notes = [
            self.text(MARGIN, below + NOTE_LINE * number, line, size=8.5, color=SOFT)
            for number, line in enumerate(notes)
        ]

    def set_note(self, note: str) -> "list[Text]":
        """Write another note where the first stands, which needed as many lines; the lines."""
        lines = wrap(note, int((self.width - 2 * MARGIN) / NOTE_CHARACTER))
        for number, text in enumerate(self._notes):
            text.set_text(lines[number] if number < len(lines) else "")
        return self._notes

    def text(
        self,
        left: float,
        top: float,
        words: str,
        size: float = 8.5,
        color: str = INK,
        align: str = "left",
        weight: str = "normal",
    ) -> "Text":
        """Words whose upper edge is at `top`."""
        x, y = left / self.width, 1 - (self.head + top) / self.height
        return self.figure.text(
            x, y, words, size=size, color=color, ha=align, va="top", weight=weight,
            parse_math=False,
        )  # fmt: skip

    def axes(self, left: int, top: int, width: int, height: int) -> "Axes":
        """Axes that fill a rectangle."""
        bottom = self.height - self.head - top - height
        axes = self.figure.add_axes(
            (left / self.width, bottom / self.height, width / self.width, height / self.height)
        )
        axes.tick_params(labelsize=8.5, color=SOFT, labelcolor=INK, length=3)
        axes.spines[:].set_color(FAINT)
        for label in (axes.xaxis.label, axes.yaxis.label):
            label.set(size=9, color=INK)
        return axes

    def image(
        self,
        left: int,
        top: int,
        pixels: UInt8[np.ndarray, "h w c"],
        extent: tuple[float, float, float, float] | None = None,
    ) -> "Axes":
        """Pixels one to one, grey or colour, without ticks.

        `extent` are left, right, bottom and top of the picture in the axes' coordinates.
        """
        axes = self.axes(left, top, pixels.shape[1], pixels.shape[0])
        axes.imshow(
            pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest", aspect="auto",
            extent=extent,
        )  # fmt: skip
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        return axes


def number(value: float) -> str:
    """A number on an axis, with a real minus sign."""
    return f"{value:g}".replace("-", "−")


def outline(width: float) -> "list[AbstractPathEffect]":
    """What makes words readable on what they lie on: a white line around them, in points."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=width, foreground="white")]


def render(figure: "Figure") -> UInt8[np.ndarray, "h w 3"]:
    """The picture as pixels."""
    buffer = BytesIO()
    figure.savefig(buffer, format="rgba", dpi=figure.dpi)
    width, height = figure.canvas.get_width_height()
    return np.frombuffer(buffer.getvalue(), np.uint8).reshape(height, width, 4)[..., :3].copy()


def save_vector(figure: "Figure", path: Path) -> Path:
    """Write a picture whole as SVG or PDF, by the path's ending."""
    buffer = BytesIO()
    figure.savefig(buffer, format=path.suffix[1:], metadata={DATE[path.suffix]: None})
    return write_bytes(path, buffer.getvalue())


def save_png(figure: "Figure", path: Path) -> Path:
    """Write a picture whole; a drawing with a palette of its own, which makes it small."""
    pixels = render(figure)
    if (pixels == pixels[..., :1]).all():
        return write_bytes(path, png(pixels[..., :1]))
    image = Image.fromarray(pixels)
    most = min(COLORS_OF_A_DRAWING, image.width * image.height // PIXELS_PER_COLOR)
    if image.getcolors(most) is not None:
        image = image.quantize(256, Image.Quantize.MAXCOVERAGE)
    return write_bytes(path, png(image))
