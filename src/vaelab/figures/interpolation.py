"""The way from one image's code to another's."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from jaxtyping import Float, Int64, UInt8
from pydantic import Field

from vaelab.data.store import Split
from vaelab.drawing import MARGIN, Page
from vaelab.figures.base import BaseFigure, Panel
from vaelab.figures.context import FigureContext, Pictures
from vaelab.figures.sheet import fitting, magnify, spread, tile
from vaelab.files import make_folder, storing
from vaelab.imaging import png, write_gif

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_FRAME_SIDE, ROOM = 256, 168
"""Larger frames are made smaller, and small ones magnified to this; in pixels."""
STRIP_FRAMES, STRIP_ROOM, GAP = 10, 1000, 4
GIF_FRAMES = 40
GIF_MILLISECONDS, GIF_REST = 60, 600
FRAME = re.compile(r"\d+\.png")


Code: TypeAlias = Float[np.ndarray, " d"]
Times: TypeAlias = Float[np.ndarray, " n"]
PathName = Literal["straight", "spherical"]

MIN_SINE = 1e-6
"""Two codes with a smaller sine between them lie on one line through the origin."""


class InterpolationFigure(BaseFigure):
    """The decoder's mean along the way from one test image's code to another's."""

    formula = "straight: z(t) = (1 - t) z_1 + t z_2"
    advice = """Use it to see whether images between two images are images too, or whether the way
        leads through a region where no code lies."""
    references = """
        The spherical way: "Sampling generative networks" (White, 2016, section 2.1, arXiv
        1609.04468)"""

    kind: Literal["interpolation"] = "interpolation"
    frames: int = Field(default=40, ge=2, le=100_000)
    """Codes on the way, both ends included."""
    singly: bool = False
    """Whether to write each frame as interp/N.png too."""
    path: PathName = "straight"
    """Way from one code to the other: `straight`, or `spherical`, an arc around the origin. Most of
    a normal prior's mass lies near a sphere, and the straight way cuts through it."""
    first: int | None = Field(default=None, ge=0)
    """Index of the test image it starts from; null picks one at random."""
    second: int | None = Field(default=None, ge=0)
    """Index of the test image it leads to; null picks one of another class."""
    label: str | int | None = None
    """Class to decode as, of a conditional model; null is that of the first image."""

    def compute(self, context: FigureContext) -> Panel:
        """Frames `(frames, h, w, c)` and the two images `(2, h, w, c)`, with index and class."""
        index = self._pick(context)
        pair = context.store.test.select(index)
        start, end = context.encode(pair).loc  # each image with its own class
        t = np.linspace(0, 1, self.frames, dtype=start.dtype)
        codes = spherical(start, end, t) if self.path == "spherical" else straight(start, end, t)
        label = int(pair.labels[0]) if self.label is None else context.label_index(self.label)
        labels = np.full(self.frames, label, np.int64)
        classes = context.store.classes
        words = {
            "path": self.path,
            "from": classes[pair.labels[0]],
            "to": classes[pair.labels[1]],
            "decoded_as": classes[label] if context.conditional else None,
        }
        arrays = {
            "frames": context.decode(codes, labels, MAX_FRAME_SIDE),
            "images": context.originals(pair, MAX_FRAME_SIDE),
            "index": index,
            "labels": pair.labels,
        }
        return Panel(context.name(self.kind), arrays, context.words | words)

    def draw(self, panel: Panel) -> "Figure":
        """The strip: the first image, some frames, the second image."""
        frames, images = panel.arrays["frames"], panel.arrays["images"]
        chosen = frames[spread(len(frames), min(STRIP_FRAMES, len(frames)))]
        strip, first, second = (
            tile(_fit(row, STRIP_ROOM // (STRIP_FRAMES + 2))[None], GAP)
            for row in (chosen, images[:1], images[1:])
        )
        height, width, _ = strip.shape
        end = first.shape[1]
        page_width = 2 * end + width + 4 * MARGIN
        page = Page(page_width, height + 36, _title(panel, len(chosen)), panel.note)
        page.text(MARGIN + end / 2, 0, "image", align="center")
        page.image(MARGIN, 18, first)
        page.text(2 * MARGIN + end + width / 2, 0, "decoded", align="center")
        page.image(2 * MARGIN + end, 18, strip)
        page.text(3 * MARGIN + end * 1.5 + width, 0, "image", align="center")
        page.image(3 * MARGIN + end + width, 18, second)
        return page.figure

    def write_pictures(self, panel: Panel, folder: Path) -> list[Path]:
        """The strip, a film there and back as a GIF, and the frames singly where asked."""
        frames = panel.arrays["frames"]
        some = _fit(frames[spread(len(frames), min(GIF_FRAMES, len(frames)))], ROOM)
        there_and_back = [*some, *some[-2:0:-1]]
        milliseconds = [GIF_MILLISECONDS] * len(there_and_back)
        milliseconds[0] = milliseconds[len(some) - 1] = GIF_REST
        film = folder / f"{panel.name}.gif"
        write_gif(film, there_and_back, milliseconds, tile(some[None, ::5]))
        singly = self._write_singly(panel, folder) if self.singly else []
        return [film, *singly, *super().write_pictures(panel, folder)]

    def _write_singly(self, panel: Panel, folder: Path) -> list[Path]:
        frames = panel.arrays["frames"]
        large = fitting(max(frames.shape[1:3]), ROOM)
        singly = make_folder(folder / panel.name.replace(self.kind, "interp", 1))
        with storing(singly):
            for path in singly.iterdir():
                if FRAME.fullmatch(path.name):  # of an earlier film; what else is there stays
                    path.unlink()
            for number, frame in enumerate(frames):  # not whole: the picture that follows is
                (singly / f"{number}.png").write_bytes(png(magnify(frame, large)))
        return [singly]

    def _pick(self, context: FigureContext) -> Int64[np.ndarray, "2"]:
        test, first = context.store.test, self.first
        for key, index in (("first", first), ("second", self.second)):
            if index is not None:
                context.check_index(f"interpolation.{key}", index)
        order = context.draws().permutation(len(test))
        if first is None:
            first = int(order[0]) if self.second is None else _other(self.second, order, test)
        second = _other(first, order, test) if self.second is None else self.second
        return np.array([first, second], np.int64)


def _other(than: int, order: Int64[np.ndarray, " n"], test: Split) -> int:
    """The first image in the order that is of another class; else the first other image."""
    of_another_class = order[test.labels[order] != test.labels[than]]
    others = of_another_class if len(of_another_class) else order[order != than]
    return int(others[0]) if len(others) else than


def _fit(pictures: Pictures, room: int) -> UInt8[np.ndarray, "n h w c"]:
    """Pictures magnified, or thinned out, to a side of at most `room` pixels."""
    side = max(pictures.shape[1:3])
    step = -(-side // room)
    return magnify(pictures[:, ::step, ::step], fitting(side, room))


def _title(panel: Panel, shown: int) -> str:
    words, frames = panel.words, len(panel.arrays["frames"])
    start, end = "one test image", "another"
    if len(words["classes"]) > 1:
        start, end = f"a test image of class {words['from']}", f"one of class {words['to']}"
    title = (
        f"From {start} to {end}: {shown} of {frames} steps on the {words['path']} way between the "
        "means of their posteriors"
    )
    decoded_as = words["decoded_as"]
    return title if decoded_as is None else f"{title}, all decoded as class {decoded_as}"


def straight(start: Code, end: Code, t: Times) -> Float[np.ndarray, "n d"]:
    """z(t) = (1 - t) start + t end."""
    return np.asarray((1 - t)[:, None] * start + t[:, None] * end)


def spherical(start: Code, end: Code, t: Times) -> Float[np.ndarray, "n d"]:
    """An arc around the origin, on which direction and norm go evenly from start to end.

    With w the angle between them, the direction is [sin((1 - t) w) u + sin(t w) v] / sin w for
    the unit vectors u and v; for codes on one line through the origin the way is straight.
    "Sampling generative networks" (White, 2016, section 2.1, arXiv 1609.04468).
    """
    norms = np.linalg.norm([start, end], axis=1)
    if not norms.all():
        return straight(start, end, t)
    u, v = start / norms[0], end / norms[1]
    angle = np.arccos(np.clip(u @ v, -1, 1))
    if np.sin(angle) < MIN_SINE:
        return straight(start, end, t)
    weights = np.sin(np.stack([1 - t, t], 1) * angle) / np.sin(angle)
    norm = (1 - t) * norms[0] + t * norms[1]
    return np.asarray(norm[:, None] * (weights @ np.stack([u, v])), start.dtype)
