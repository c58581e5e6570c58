"""The architecture of a VAE as a picture: down to the code above, back up to the image below."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log2
from textwrap import wrap

import numpy as np
from matplotlib.figure import Figure

from vaelab.describe.blocks import Block, blocks
from vaelab.describe.sketch import CELL, DEPTH, Point, Sketch
from vaelab.figures.style import ACCENT, CONTRAST, INK, SOFT, Page
from vaelab.networks.layers import Layer

WIDTH = 900
NARROWEST = 88
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
TALLEST = 92
"""Height of the largest image and of the longest vector."""
MOST_CELLS = 6
"""Values of a vector drawn one by one."""
BELL = 68
"""Half the width of the picture of prior and posterior."""
CODE, CLASS, IMAGE = "#882255", "#117733", "#555555"


@dataclass(frozen=True)
class Architecture:
    """What the picture shows.

    Attributes:
        title: what is seen.
        note: where it comes from.
        encoder: layers from the image to the features.
        heads: layers from the features to each parameter of the posterior, or to all of them.
        parameters: names of the posterior's parameters.
        decoder: layers from the code to the image.
        latent: dimension of the code.
        likelihood: in words.
        prior: in words.
    """

    title: str
    note: str
    encoder: tuple[Layer, ...]
    heads: tuple[tuple[Layer, ...], ...]
    parameters: tuple[str, ...]
    decoder: tuple[Layer, ...]
    latent: int
    likelihood: str
    prior: str


def draw_architecture(architecture: Architecture) -> Figure:
    """The picture."""
    return _Drawing(architecture).figure()


class _Drawing:
    """One architecture on one page.

    Args:
        architecture: what is drawn.
    """

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture
        self.encoder = [
            Block(architecture.encoder[0].input_shape, ("image x",)),
            *blocks(architecture.encoder),
        ]
        self.heads = _heads(architecture)
        self.decoder = [Block((architecture.latent,), ("code z",)), *blocks(architecture.decoder)]
        shapes = [block.shape for block in (*self.encoder, *self.decoder)]
        self.largest = max(max(shape[1:]) for shape in shapes if len(shape) == 3)
        self.longest = max(shape[0] for shape in shapes if len(shape) == 1)
        width = self._place_columns()
        self.band = ENCODER + LABEL + LINE * max(5, self._lines(self.encoder, self.encoder_step))
        self.decoder_y = self.band + BETWEEN
        height = self.decoder_y + LABEL + LINE * self._lines(self.decoder, self.decoder_step) + 14
        page = Page(width, height, architecture.title, architecture.note)
        axes = page.axes(0, 0, width, height)
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.set_axis_off()
        self.sketch, self.page = Sketch(axes), page

    def figure(self) -> Figure:
        """Draw everything."""
        middle = (LEFT + self.code_x) / 2
        self.sketch.words((middle, 2), "encoder q(z|x)", 10.5, ACCENT, weight="bold")
        self.sketch.words(
            (middle, self.decoder_y - 112), "decoder p(x|z)", 10.5, CONTRAST, weight="bold"
        )
        self._draw_encoder()
        self._draw_posterior()
        self._draw_decoder()
        self._draw_distortion()
        return self.page.figure

    def _place_columns(self) -> int:
        """Set the columns of both rows, evenly spaced; the width of the page."""
        encoder_steps = len(self.encoder) + len(self.heads[0])
        decoder_steps = len(self.decoder) - 1
        steps = max(encoder_steps, decoder_steps)
        width = max(WIDTH, LEFT + RIGHT + NARROWEST * steps)
        self.code_x = float(width - RIGHT)
        self.encoder_step = (self.code_x - BELL + 20 - LEFT) / encoder_steps
        self.decoder_step = (self.code_x - LEFT) / decoder_steps
        return width

    def _draw_encoder(self) -> None:
        places = [(LEFT + i * self.encoder_step, ENCODER) for i in range(len(self.encoder))]
        self._draw_row(self.encoder, places, self.encoder_step, ACCENT)
        shifts = np.linspace(-HEADS, HEADS, len(self.heads))
        for head, name, shift in zip(self.heads, self.architecture.parameters, shifts, strict=True):
            self._draw_head(places[-1], head, name, shift)

    def _draw_head(self, start: Point, head: list[Block], name: str, shift: float) -> None:
        """The layers of one parameter of the posterior, in a row of their own."""
        before, at = self.encoder[-1], start
        for number, block in enumerate(head, 1):
            place = (start[0] + number * self.encoder_step, ENCODER + shift)
            self._draw_arrow((before, at), (block, place))
            self._draw_block(block, place, ACCENT)
            below = place[1] + self._size(block)[1] / 2 + 4
            said = Block(block.shape, (name,) if number == len(head) else block.words)
            self._draw_label(said, (place[0], below), self.encoder_step)
            before, at = block, place
        edge = at[0] + self._size(before)[0] / 2 + 4
        self.sketch.arrow((edge, at[1]), (self.code_x - BELL - 4, ENCODER + shift / 5))

    def _draw_posterior(self) -> None:
        """Posterior, prior, what lies between them, and the code drawn from the former."""
        x, ground = self.code_x, ENCODER + 18
        self.sketch.bell((x, ground), BELL / 3, 46, SOFT, filled=False)
        self.sketch.bell((x - 14, ground), BELL / 9, 88, CODE)
        self.sketch.words((x - 14, ground - 108), "q(z|x)", color=CODE, weight="bold")
        self.sketch.words((x + 40, ground - 46), "p(z)", color=SOFT, weight="bold")
        self.sketch.words((x, ground + 8), "rate", weight="bold")
        prior = _fill(f"prior: {self.architecture.prior}".split(", "), 24)
        self.sketch.words((x, ground + 24), ["KL(q(z|x) ‖ p(z))", *prior], 8, SOFT)
        top = ground + 24 + LINE * (1 + len(prior)) + 4
        bottom = self.decoder_y - self._size(self.decoder[0])[1] / 2 - 5
        self.sketch.arrow((x, top), (x, bottom), CODE)
        drawn = ["z = loc + scale · ε", "ε ~ N(0, I)"]
        self.sketch.words((x - 10, (top + bottom) / 2 - LINE), drawn, 8.5, CODE, "right")

    def _draw_decoder(self) -> None:
        places = [
            (self.code_x - i * self.decoder_step, self.decoder_y) for i in range(len(self.decoder))
        ]
        self._draw_row(self.decoder, places, self.decoder_step, CONTRAST)

    def _draw_distortion(self) -> None:
        top, bottom = ENCODER + LABEL + 2.4 * LINE, self.decoder_y - LABEL + 12.0
        self.sketch.arrow((LEFT, top), (LEFT, bottom), SOFT, "<|-|>", dashed=True)
        at = (LEFT + 12, self.band + 6)
        self.sketch.words(at, "distortion", align="left", weight="bold")
        lines = ["−log p(x|z)", f"likelihood: {self.architecture.likelihood}"]
        self.sketch.words((at[0], at[1] + LINE), lines, 8, SOFT, "left")

    def _draw_row(
        self, row: Sequence[Block], places: Sequence[tuple[float, float]], step: float, color: str
    ) -> None:
        """Blocks with arrows between them and their labels on one line."""
        for number, (block, place) in enumerate(zip(row, places, strict=True)):
            if number:
                self._draw_arrow((row[number - 1], places[number - 1]), (block, place))
            is_image = block.shape == self.encoder[0].shape
            is_code = color == CONTRAST and number == 0
            self._draw_block(block, place, IMAGE if is_image else CODE if is_code else color)
            self._draw_label(block, (place[0], place[1] + LABEL), step)

    def _draw_block(self, block: Block, at: Point, color: str) -> None:
        height = self._size(block)[1]
        if block.repeats:
            self.sketch.shortcut(at, *self._size(block))
        if block.classes or block.modulated:
            top = at[1] - height / 2
            self.sketch.words((at[0], top - 34), "class", color=CLASS, weight="bold")
            self.sketch.arrow((at[0], top - 18), (at[0], top - 3), CLASS)
        if len(block.shape) == 3:
            self._draw_image(block, at, color)
        else:
            self._draw_vector(block, at, color)

    def _draw_image(self, block: Block, at: Point, color: str) -> None:
        channels, height, width = block.shape
        sides = self._side(height), self._side(width)
        plain, classes = _thickness(channels - block.classes), _thickness(block.classes)
        if not block.classes:
            self.sketch.slab(at, plain, *sides, color)
            return
        self.sketch.slab((at[0] - classes / 2 - 2, at[1]), plain, *sides, IMAGE)
        self.sketch.slab((at[0] + plain / 2 + 2, at[1]), classes, *sides, CLASS)

    def _draw_vector(self, block: Block, at: Point, color: str) -> None:
        plain, classes = block.shape[0] - block.classes, block.classes
        if not classes:
            self._draw_values(plain, at, color)
            return
        upper, lower = self._length(plain), self._length(classes)
        top = at[1] - (upper + lower + 3) / 2
        self._draw_values(plain, (at[0], top + upper / 2), color)
        self._draw_values(classes, (at[0], top + upper + 3 + lower / 2), CLASS)

    def _draw_values(self, count: int, at: Point, color: str) -> None:
        if count <= MOST_CELLS:
            self.sketch.cells(at, count, color)
        else:
            self.sketch.bar(at, self._length(count), color)

    def _draw_arrow(self, before: tuple[Block, Point], after: tuple[Block, Point]) -> None:
        """From edge to edge, whichever way the row runs."""
        (block, start), (following, end) = before, after
        way = 1 if end[0] > start[0] else -1
        self.sketch.arrow(
            (start[0] + way * (self._size(block)[0] / 2 + 4), start[1]),
            (end[0] - way * (self._size(following)[0] / 2 + 4), end[1]),
        )

    def _draw_label(self, block: Block, at: Point, step: float) -> None:
        shape, *words = self._label(block, step)
        self.sketch.words(at, shape, 8.5, INK)
        self.sketch.words((at[0], at[1] + LINE), words, 8, SOFT)

    def _lines(self, row: Sequence[Block], step: float) -> int:
        """Lines of the longest label."""
        return max(len(self._label(block, step)) for block in row)

    def _label(self, block: Block, step: float) -> list[str]:
        shape = "×".join(map(str, block.shape))
        words = block.words
        if block.repeats > 1:
            words = (f"{block.repeats} {words[0]}s", *words[1:])
        return [shape, *_fill(words, min(19, max(9, int(step / 6.2) - 1)))]

    def _size(self, block: Block) -> tuple[float, float]:
        """Width and height as drawn."""
        if len(block.shape) == 1:
            plain = self._length(block.shape[0] - block.classes)
            return CELL, plain + (3 + self._length(block.classes) if block.classes else 0)
        channels, height, width = block.shape
        away = DEPTH * self._side(width)
        classes = _thickness(block.classes) + 4 if block.classes else 0
        return _thickness(channels - block.classes) + classes + away, self._side(height) + away

    def _side(self, pixels: int) -> float:
        return max(9.0, TALLEST * float((pixels / self.largest) ** 0.75))

    def _length(self, values: int) -> float:
        if values <= MOST_CELLS:
            return float(CELL * values)
        return 26 + (TALLEST - 26) * log2(values) / log2(max(self.longest, 2))


def _heads(architecture: Architecture) -> list[list[Block]]:
    """The layers of each parameter; those of a head that they share, divided among them."""
    heads = [blocks(head) for head in architecture.heads]
    count = len(architecture.parameters)
    if len(heads) == count:
        return heads
    return [[replace(b, shape=(b.shape[0] // count,)) for b in heads[0]] for _ in range(count)]


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
    return 4 + 4.2 * log2(channels) if channels else 0.0
