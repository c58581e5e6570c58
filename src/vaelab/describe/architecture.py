"""The architecture of a VAE as a picture: down to the code above, back up to the image below."""

from collections.abc import Sequence
from dataclasses import replace
from math import log2
from textwrap import wrap

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Polygon

from vaelab.describe.blocks import Block, blocks, head_layers, parameter_names
from vaelab.drawing import ACCENT, CONTRAST, INK, SOFT, Page
from vaelab.models import VAE

WIDTH = 900
MIN_COLUMN_DISTANCE = 88
"""Least distance between two columns; a deeper network gets a wider page."""
LEFT, RIGHT = 62, 112
"""Centre of the first column from the left, and of the code's from the right."""
ENCODER = 128
"""Centre of the upper row."""
BETWEEN = 148
"""From the upper row's labels to the centre of the lower row."""
HEADS = 66
"""How far above and below the encoder's row its heads lie."""
LABEL = 80
"""From the centre of a row down to its labels."""
LINE = 16
"""Height of a line of a label."""
MAX_HEIGHT = 92
"""Height of the largest image and of the longest vector."""
MAX_CELLS = 6
"""Values of a vector drawn one by one."""
CELL = 13
"""Width of a bar, and side of a cell that stands for one value."""
DEPTH = 0.38
"""Length of an edge that goes away from the viewer, as a part of its true length."""
BELL = 68
"""Half the width of the picture of prior and posterior."""
CODE, CLASS, IMAGE = "#882255", "#117733", "#555555"
DASHED = (0, (3, 2))

Point = tuple[float, float]


class Drawing:
    """One architecture on one page, in pixels, y down; likelihood and prior are words."""

    def __init__(self, model: VAE, title: str, note: str, likelihood: str, prior: str) -> None:
        self.encoder = [Block(model.image_shape, ("image x",)), *blocks(model.encoder.trunk.layers)]
        self.decoder = [Block((model.latent,), ("code z",)), *blocks(model.decoder.trunk.layers)]
        shapes = [block.shape for block in (*self.encoder, *self.decoder)]
        self.largest = max(max(shape[1:]) for shape in shapes if len(shape) == 3)
        self.longest = max(shape[0] for shape in shapes if len(shape) == 1)
        names, heads = parameter_names(model), [blocks(head) for head in head_layers(model)]
        if len(heads) < len(names):  # of a head that they share, each has its part
            count = len(names)
            heads = [[replace(b, shape=(b.shape[0] // count,)) for b in heads[0]]] * count

        encoder_steps, decoder_steps = len(self.encoder) + len(heads[0]), len(self.decoder) - 1
        steps = max(encoder_steps, decoder_steps)
        width = max(WIDTH, LEFT + RIGHT + MIN_COLUMN_DISTANCE * steps)
        self.code_x = float(width - RIGHT)
        self.encoder_step = (self.code_x - BELL + 20 - LEFT) / encoder_steps
        self.decoder_step = (self.code_x - LEFT) / decoder_steps
        upper, lower = (
            max(len(_label(block, step)) for block in row)
            for row, step in ((self.encoder, self.encoder_step), (self.decoder, self.decoder_step))
        )
        band = ENCODER + LABEL + LINE * max(5, upper)
        self.decoder_y = band + BETWEEN
        height = self.decoder_y + LABEL + LINE * lower + 14
        page = Page(width, height, title, note)
        self.figure = page.figure
        self.axes = page.axes(0, 0, width, height)
        self.axes.set(xlim=(0, width), ylim=(height, 0))
        self.axes.set_axis_off()

        middle = (LEFT + self.code_x) / 2
        self._words((middle, 2), "encoder q(z|x)", 10.5, ACCENT, weight="bold")
        above = self.decoder_y - 112
        self._words((middle, above), "decoder p(x|z)", 10.5, CONTRAST, weight="bold")
        self._draw_row(self.encoder, (LEFT, ENCODER), self.encoder_step, ACCENT)
        shifts = np.linspace(-HEADS, HEADS, len(heads))
        for head, name, shift in zip(heads, names, shifts, strict=True):
            self._draw_head(head, name, shift)
        self._draw_posterior(prior)
        self._draw_row(self.decoder, (self.code_x, self.decoder_y), -self.decoder_step, CONTRAST)
        self._draw_distortion(likelihood, band + 6)

    def _draw_head(self, head: list[Block], name: str, shift: float) -> None:
        """The layers of one parameter of the posterior, in a row of their own."""
        before, start = self.encoder[-1], LEFT + (len(self.encoder) - 1) * self.encoder_step
        at: Point = (start, ENCODER)
        for number, block in enumerate(head, 1):
            place = (start + number * self.encoder_step, ENCODER + shift)
            self._draw_arrow((before, at), (block, place))
            self._draw_block(block, place, ACCENT)
            below = place[1] + self._size(block)[1] / 2 + 4
            said = Block(block.shape, (name,) if number == len(head) else block.words)
            self._draw_label(said, (place[0], below), self.encoder_step)
            before, at = block, place
        edge = at[0] + self._size(before)[0] / 2 + 4
        self._arrow((edge, at[1]), (self.code_x - BELL - 4, ENCODER + shift / 5))

    def _draw_posterior(self, prior: str) -> None:
        """Posterior, prior, what lies between them, and the code drawn from the former."""
        x, ground = self.code_x, ENCODER + 18
        around, density = np.linspace(-3, 3, 61), np.exp(-0.5 * np.linspace(-3, 3, 61) ** 2)
        self.axes.plot(x + BELL / 3 * around, ground - 46 * density, SOFT, lw=1.3, ls=DASHED)
        curve = (x - 14 + BELL / 9 * around, ground - 88 * density)
        self.axes.fill_between(curve[0], ground, curve[1], color=_pale(CODE, 0.45), linewidth=0)
        self.axes.plot(*curve, CODE, lw=1.3)
        self._words((x - 14, ground - 108), "q(z|x)", color=CODE, weight="bold")
        self._words((x + 40, ground - 46), "p(z)", color=SOFT, weight="bold")
        self._words((x, ground + 8), "rate", weight="bold")
        lines = ["KL(q(z|x) ‖ p(z))", *_fill(f"prior: {prior}".split(", "), 24)]
        self._words((x, ground + 24), "\n".join(lines), 8, SOFT)
        top = ground + 24 + LINE * len(lines) + 4
        bottom = self.decoder_y - self._size(self.decoder[0])[1] / 2 - 5
        self._arrow((x, top), (x, bottom), CODE)
        drawn = "z = loc + scale · ε\nε ~ N(0, I)"
        self._words((x - 10, (top + bottom) / 2 - LINE), drawn, color=CODE, align="right")

    def _draw_distortion(self, likelihood: str, y: float) -> None:
        top, bottom = ENCODER + LABEL + 2.4 * LINE, self.decoder_y - LABEL + 12.0
        self._arrow((LEFT, top), (LEFT, bottom), style="<|-|>", dashed=True)
        self._words((LEFT + 12, y), "distortion", align="left", weight="bold")
        lines = f"−log p(x|z)\nlikelihood: {likelihood}"
        self._words((LEFT + 12, y + LINE), lines, 8, SOFT, "left")

    def _draw_row(self, row: Sequence[Block], start: Point, step: float, color: str) -> None:
        """Blocks with arrows between them and their labels on one line."""
        x, y = start
        for number, block in enumerate(row):
            if number:
                self._draw_arrow((row[number - 1], (x - step, y)), (block, (x, y)))
            is_image = block.shape == self.encoder[0].shape
            is_code = block is self.decoder[0]
            self._draw_block(block, (x, y), IMAGE if is_image else CODE if is_code else color)
            self._draw_label(block, (x, y + LABEL), abs(step))
            x += step

    def _draw_block(self, block: Block, at: Point, color: str) -> None:
        """An image as a cuboid, a vector as a bar; what says the class beside or below it."""
        (x, y), (width, height) = at, self._size(block)
        if block.repeats:
            ends = (x - width / 2 - 4, y), (x + width / 2 + 4, y)
            self._arrow(*ends, style="-", below=height / 2 + 8)
        if block.classes or block.modulated:
            top = y - height / 2
            self._words((x, top - 34), "class", color=CLASS, weight="bold")
            self._arrow((x, top - 18), (x, top - 3), CLASS)
        if len(block.shape) == 3:
            colors = [IMAGE if block.classes else color, CLASS]
            left_edge = x - (width - DEPTH * self._side(block.shape[2])) / 2
            for channels, part_color in zip(block.parts, colors, strict=False):
                thick = _thickness(channels)
                self._slab((left_edge + thick / 2, y), thick, block, part_color)
                left_edge += thick + 4
        else:
            upper_edge = y - height / 2
            for values, part_color in zip(block.parts, [color, CLASS], strict=False):
                length = self._length(values)
                self._vector((x, upper_edge + length / 2), values, part_color)
                upper_edge += length + 3

    def _slab(self, center: Point, thickness: float, block: Block, color: str) -> None:
        """A cuboid seen from the left front: its width goes away from the viewer."""
        _, height, width = map(self._side, block.shape)
        away = DEPTH * width
        x, y = center[0] - (thickness + away) / 2, center[1] - (height - away) / 2
        end, bottom = x + thickness, y + height
        front = np.array([(x, y), (end, y), (end, bottom), (x, bottom)])
        back = front + np.array([away, -away])
        upper, right = (
            (front[0], back[0], back[1], front[1]),
            (front[1], back[1], back[2], front[2]),
        )
        for part, side in ((0.65, front), (0.28, upper), (0.45, right)):
            self.axes.add_patch(Polygon(side, fc=_pale(color, part), ec=color, linewidth=0.8))

    def _vector(self, center: Point, values: int, color: str) -> None:
        """A bar, or a short vector value by value."""
        length = self._length(values)
        tops = [center[1] - length / 2]
        if values <= MAX_CELLS:
            tops = [tops[0] + 1 + CELL * value for value in range(values)]
        width, height = (CELL - 2, CELL - 2) if values <= MAX_CELLS else (CELL, length)
        for top in tops:
            self.axes.add_patch(
                FancyBboxPatch(
                    (center[0] - width / 2, top), width, height, linewidth=0.8,
                    boxstyle="round,pad=0,rounding_size=3", facecolor=_pale(color, 0.55),
                    edgecolor=color,
                )
            )  # fmt: skip

    def _draw_arrow(self, before: tuple[Block, Point], after: tuple[Block, Point]) -> None:
        """From edge to edge, whichever way the row runs."""
        (block, start), (following, end) = before, after
        way = 1 if end[0] > start[0] else -1
        self._arrow(
            (start[0] + way * (self._size(block)[0] / 2 + 4), start[1]),
            (end[0] - way * (self._size(following)[0] / 2 + 4), end[1]),
        )

    def _arrow(
        self, start: Point, end: Point, color: str = SOFT, style: str = "-|>",
        dashed: bool = False, below: float = 0,
    ) -> None:  # fmt: skip
        """A straight arrow, or a way around what stands between two points, so far below them."""
        self.axes.add_patch(
            FancyArrowPatch(
                start, end, arrowstyle=style, mutation_scale=8, color=color, linewidth=1,
                linestyle=DASHED if dashed else "solid", shrinkA=0, shrinkB=0,
                connectionstyle=f"bar,armA={below},armB={below},fraction=0" if below else "arc3",
            )
        )  # fmt: skip

    def _draw_label(self, block: Block, at: Point, step: float) -> None:
        shape, *words = _label(block, step)
        self._words(at, shape)
        self._words((at[0], at[1] + LINE), "\n".join(words), 8, SOFT)

    def _words(
        self, at: Point, words: str, size: float = 8.5, color: str = INK, align: str = "center",
        weight: str = "normal",
    ) -> None:  # fmt: skip
        """Lines of text whose upper edge is at a point."""
        self.axes.text(
            *at, words, size=size, color=color, ha=align, va="top", weight=weight,
            linespacing=1.35, parse_math=False,
        )  # fmt: skip

    def _size(self, block: Block) -> Point:
        """Width and height as drawn."""
        parts = block.parts
        if len(block.shape) == 1:
            return CELL, sum(map(self._length, parts)) + 3 * (len(parts) - 1)
        _, height, width = map(self._side, block.shape)
        thickness = sum(map(_thickness, parts)) + 4 * (len(parts) - 1)
        return thickness + DEPTH * width, height + DEPTH * width

    def _side(self, pixels: int) -> float:
        return max(9.0, MAX_HEIGHT * float((pixels / self.largest) ** 0.75))

    def _length(self, values: int) -> float:
        if values <= MAX_CELLS:
            return float(CELL * values)
        return 26 + (MAX_HEIGHT - 26) * log2(values) / log2(max(self.longest, 2))


def _pale(color: str, part: float) -> tuple[float, float, float]:
    """A colour mixed with white: 1 is the colour, 0 is white."""
    red, green, blue = (1 - part * (1 - channel) for channel in to_rgb(color))
    return red, green, blue


def _label(block: Block, step: float) -> list[str]:
    """Its shape, and what made it in lines that fit between two columns."""
    words = block.words
    if block.repeats > 1:
        words = (f"{block.repeats} {words[0]}s", *words[1:])
    lines = _fill(words, min(19, max(9, int(step / 6.2) - 1)))
    return ["×".join(map(str, block.shape)), *lines]


def _fill(phrases: Sequence[str], width: int) -> list[str]:
    """Lines that break between phrases, inside them only where one is too long."""
    lines: list[str] = []
    for number, phrase in enumerate(phrases, 1):
        said = phrase if number == len(phrases) else f"{phrase},"
        if lines and len(lines[-1]) + len(said) < width:
            lines[-1] += f" {said}"
        else:
            lines += wrap(said, width)
    return lines


def _thickness(channels: int) -> float:
    """Of a slab: what it has in channels, more slowly."""
    return 4 + 4.2 * log2(channels)
