"""The way from one image's code to another's."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Int64, UInt8
from matplotlib.figure import Figure
from pydantic import Field

from vaelab.data.store import Split
from vaelab.errors import BadValueError
from vaelab.figures.animation import write_gif
from vaelab.figures.base import BaseFigure, Panel
from vaelab.figures.paths import PathName, spherical, straight
from vaelab.figures.sheet import fitting, magnify, spread, tile
from vaelab.figures.style import MARGIN, Page, png
from vaelab.figures.subject import Pictures, Subject
from vaelab.files import make_folder, storage_error

LARGEST_FRAME, ROOM = 256, 168
"""Larger frames are made smaller, and small ones magnified to this; in pixels."""
STRIP_FRAMES, STRIP_ROOM, GAP = 10, 1000, 4
GIF_FRAMES = 40
GIF_MILLISECONDS, GIF_REST = 60, 600
FRAME = re.compile(r"\d+\.png")


class InterpolationFigure(BaseFigure):
    """The decoder's mean along the way from one test image's code to another's.

        straight: z(t) = (1 - t) z_1 + t z_2

    Use it to see whether images between two images are images too, or whether the way leads through
    a region where no code lies.

    The spherical way: "Sampling generative networks" (White, 2016, section 2.1, arXiv 1609.04468).
    """

    kind: Literal["interpolation"] = "interpolation"
    frames: int = Field(default=500, ge=2, le=100_000)
    """Codes on the way, both ends included."""
    path: PathName = "straight"
    """`straight`, or `spherical`: an arc around the origin. Most of a normal prior's mass lies near
    a sphere, and the straight way cuts through it."""
    first: int | None = Field(default=None, ge=0)
    """Index of the test image it starts from; null picks one at random."""
    second: int | None = Field(default=None, ge=0)
    """Index of the test image it leads to; null picks one of another class."""
    label: str | int | None = None
    """Class to decode as, of a conditional model; null is that of the first image."""

    def compute(self, subject: Subject) -> Panel:
        """Frames `(frames, h, w, c)` and the two images `(2, h, w, c)`, with index and class."""
        index = self._pick(subject.store.test, subject.draws())
        pair = subject.store.test.select(index)
        start, end = subject.encode(pair).loc  # each image with its own class
        t = np.linspace(0, 1, self.frames, dtype=start.dtype)
        codes = spherical(start, end, t) if self.path == "spherical" else straight(start, end, t)
        label = int(pair.labels[0]) if self.label is None else subject.label_index(self.label)
        labels = np.full(self.frames, label, np.int64)
        classes = subject.store.classes
        words = {
            "path": self.path,
            "from": classes[pair.labels[0]],
            "to": classes[pair.labels[1]],
            "decoded_as": classes[label] if subject.conditional else None,
        }
        arrays = {
            "frames": subject.decode(codes, labels, LARGEST_FRAME),
            "images": subject.originals(pair, LARGEST_FRAME),
            "index": index,
            "labels": pair.labels,
        }
        return Panel(subject.name(self.kind), arrays, subject.words | words)

    def draw(self, panel: Panel) -> Figure:
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
        """The strip, a film there and back as a GIF, and every frame as `interp/<n>.png`."""
        frames = panel.arrays["frames"]
        large = fitting(max(frames.shape[1:3]), ROOM)
        files = ((f"{i}.png", png(magnify(frame, large))) for i, frame in enumerate(frames))
        return [
            _write_film(frames, folder / f"{panel.name}.gif"),
            _write_frames(folder / panel.name.replace(self.kind, "interp", 1), files),
            *super().write_pictures(panel, folder),
        ]

    def _pick(self, test: Split, draws: np.random.Generator) -> Int64[np.ndarray, "2"]:
        for name, index in (("first", self.first), ("second", self.second)):
            if index is not None and index >= len(test):
                raise BadValueError(
                    f"interpolation.{name} is {index}, but the {len(test)} test images are "
                    f"numbered 0 to {len(test) - 1}"
                )
        order = draws.permutation(len(test))
        first = self.first
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


def _write_frames(folder: Path, files: Iterable[tuple[str, bytes]]) -> Path:
    """Write the frames, and remove those of a longer film before; what else is there stays."""
    make_folder(folder)
    written = set()
    try:
        for name, content in files:  # not whole, one by one: the picture that follows is
            (folder / name).write_bytes(content)
            written.add(name)
        for path in folder.iterdir():
            if FRAME.fullmatch(path.name) and path.name not in written:
                path.unlink()
    except OSError as error:
        raise storage_error(folder, error) from error
    return folder


def _write_film(frames: Pictures, path: Path) -> Path:
    some = _fit(frames[spread(len(frames), min(GIF_FRAMES, len(frames)))], ROOM)
    there_and_back = [*some, *some[-2:0:-1]]
    milliseconds = [GIF_MILLISECONDS] * len(there_and_back)
    milliseconds[0] = milliseconds[len(some) - 1] = GIF_REST
    return write_gif(path, there_and_back, milliseconds, tile(some[None, ::5]))
