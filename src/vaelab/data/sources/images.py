"""Folders of pictures: one folder for each class, or one for all."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Int64, UInt8
from pydantic import PositiveInt, model_validator

from vaelab.console import busy, track
from vaelab.data.cache import cached, filled, room
from vaelab.data.formats.folders import Listing, divisions, list_images
from vaelab.data.formats.pictures import Damaged, Picture, picture_size, read_picture
from vaelab.data.formats.untrusted import DataPath
from vaelab.data.mapped import MappedImages
from vaelab.data.raw import Raw
from vaelab.data.source import UndividedSource
from vaelab.data.store import Images, Split
from vaelab.errors import BadValueError, UserError

log = logging.getLogger("vaelab")
MAX_SIDE = 64
"""Of pictures that are learned without long waiting, pixels."""
SIDES = (64, 48, 32, 28, 24, 16)
"""That pictures of different sizes are scaled to: they can be halved again and again."""
MAX_CROPPED = 0.1
"""Of a picture, that is lost where its sides are scaled to rounder ones."""
MAX_NAMED = 5
"""Files that are named where many cannot be read."""


class DamagedPictureError(BadValueError):
    """A file that cannot be read, and that `damaged: skip` leaves out."""


class ImagesData(UndividedSource):
    """Your own pictures (PNG, JPEG, WebP, BMP, GIF), a folder for each class, grey or colour.

    Found are `path/train/images/<class>/**` with `path/test/images/<class>/**`, the same without
    `images`, or `path/<class>/**`; without class folders all are of the one class `images`. Links
    are followed inside that folder, and hidden files ignored.

    Pictures are turned upright; transparency is laid on white; of an animation the first frame is
    taken. Their order is that of the file names.
    """

    advice = """Use it for pictures as they come from a camera or the web; `size` makes them equally
        large."""

    example: ClassVar[Mapping[str, Any]] = {"path": "my_images", "size": 32}

    kind: Literal["images"] = "images"
    path: DataPath | None = None
    """Folder of the pictures; or give train."""
    train: DataPath | None = None
    """Folder of the training pictures, in place of path."""
    test: DataPath | None = None
    """Folder of the test pictures beside train; null: test_fraction is held out."""
    size: PositiveInt | tuple[PositiveInt, PositiveInt] | Literal["auto"] | None = None
    """Side (or height and width) to scale to, cropped at the centre; null: as they are; `auto`: as
    they are if all have one size of at most 64 pixels, else what fits most of them."""
    classes: Literal["first", "leaf"] = "first"
    """Folders that are classes: `first`, those in path, each with all that is in it; `leaf`, those
    that hold pictures."""
    channels: Literal[1, 3] | None = None
    """Number of channels: 1 is grey, 3 is colour; null: grey if every picture is."""
    damaged: Damaged = "fail"
    """Treatment of files that cannot be read: `fail`, or `skip`, which leaves them out and counts
    them."""

    @model_validator(mode="after")
    def _one_place(self) -> "ImagesData":
        if (self.path is None) == (self.train is None):
            raise ValueError("data of kind `images` needs either `path` or `train`, and not both")
        if self.test is not None and self.train is None:
            raise ValueError("`test` stands beside `train`; `path` finds its own test folder")
        return self

    @property
    def name(self) -> str:
        return self._roots()[0].resolve().name if self.path is None else self.path.resolve().name

    def raw(self) -> Raw:
        train_root, test_root = self._roots()
        train = self._list(train_root)
        test = self._list(test_root).relabelled(train.classes) if test_root else None
        asked = f"{train_root} {test_root} {self.size} {self.channels} {self.classes}"
        asked += f" {self.damaged}" * (self.damaged == "skip")
        files, labels = train.files, train.labels
        if test:
            files, labels = files + test.files, labels + test.labels

        def read(building: Path) -> Raw:
            ignored = train.ignored + (test.ignored if test else 0)
            if ignored:
                log.info("%s: %s hidden files and the like are ignored", self.name, f"{ignored:,}")
            images, kept = _stack(files, self._pictures(files), building)
            whole = Split(images, np.array(labels, dtype=np.int64)[kept])
            end = int((kept < len(train.files)).sum())
            return Raw(whole.select(slice(end)), whole.select(slice(end, None)), train.classes)

        return cached(self.kind, asked, files, read)

    def _pictures(self, files: Sequence[str]) -> Iterator[tuple[int, Picture]]:
        """Those that can be read, each with its place among the files."""
        size = self.proposed_size()[0] if self.size == "auto" else self.size
        size = (size, size) if isinstance(size, int) else size
        left_out: list[str] = []
        for place, file in enumerate(track(files, f"reading {len(files):,} images")):
            try:
                picture = read_picture(file, size, self.channels)
            except UserError as error:
                self._may_skip(error)
                left_out.append(str(error).partition("; ")[0])
                continue
            yield place, picture
        if left_out:
            words = f"{len(left_out):,} of {len(files):,} files cannot be read and are left out"
            more = f" and {len(left_out) - MAX_NAMED:,} more" * (len(left_out) > MAX_NAMED)
            named = "; ".join(left_out[:MAX_NAMED])
            log.warning("%s: %s: %s%s", self.name, words, named, more)

    def _may_skip(self, error: UserError) -> None:
        """Raise what is wrong with a file, unless those are to be left out."""
        if self.damaged == "fail":
            skip = "or leave out what cannot be read with data.damaged=skip"
            raise DamagedPictureError(f"{error}, {skip}") from error

    def proposed_size(self) -> tuple[tuple[int, int] | None, str]:
        """Height and width that most pictures fill, and why; None: they are well as they are."""
        files = self._list(self._roots()[0]).files
        sizes = []
        for file in track(files, f"looking at the sizes of {len(files):,} images"):
            try:
                sizes.append(picture_size(file))
            except UserError as error:
                self._may_skip(error)
        if not sizes:
            raise BadValueError(f"{files[0]} and the others cannot be read: there are no images")
        first, longest = sizes[0], max(map(max, sizes))
        if len(set(sizes)) > 1:
            shorter = sorted(map(min, sizes))
            least, usual, most = shorter[0], shorter[len(sizes) // 2], shorter[-1]
            side = next((side for side in SIDES if side <= usual), usual)
            pixels = f"{least} pixels"
            if least < most:
                pixels = f"{least} to {most} pixels, half of them at least {usual}"
            return (side, side), (
                f"They differ in size (the shorter side is {pixels}): scaled to {side} and cropped "
                "at the centre."
            )
        if longest <= MAX_SIDE:
            return None, ""
        return _scaled(*first), (
            f"They are {first[0]} x {first[1]} pixels; {MAX_SIDE} show what is on them, and are "
            "learned much sooner."
        )

    def _list(self, root: Path) -> Listing:
        with busy(f"looking through {root.name}"):
            return list_images(root, self.classes == "leaf")

    def _roots(self) -> tuple[Path, Path | None]:
        train, test = divisions(_absolute(self.path)) if self.path else (self.train, self.test)
        return _absolute(train or Path()), test and _absolute(test)


def _scaled(height: int, width: int) -> tuple[int, int]:
    """Sides of at most 64 that can be halved as often as may be, and crop little."""
    scale = MAX_SIDE / max(height, width)
    sides = (height, width)
    for step in (8, 4, 2, 1):
        sides = (max(8, step * round(height * scale / step)),
                 max(8, step * round(width * scale / step)))  # fmt: skip
        ratio = sides[0] * width / (sides[1] * height)
        if min(ratio, 1 / ratio) >= 1 - MAX_CROPPED:
            break
    return sides


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _stack(
    files: Sequence[str], pictures: Iterator[tuple[int, Picture]], building: Path
) -> tuple[Images | MappedImages, Int64[np.ndarray, " n"]]:
    """The pictures as one array, and the place of each among the files."""
    kept: list[int] = []
    images = np.empty((0, 1, 1, 1), np.uint8)
    for place, picture in pictures:
        pixels = picture.transpose(2, 0, 1)
        if not kept:
            images = room(building, (len(files), *pixels.shape))
        elif pixels.shape[1:] != images.shape[2:]:
            height, width = images.shape[2:]
            raise BadValueError(
                f"images of different sizes: {files[kept[0]]} is {width}x{height} but "
                f"{files[place]} is {picture.shape[1]}x{picture.shape[0]} (width x height); set "
                f"data.size, e.g. size: {min(height, width, *picture.shape[:2])}, to scale and "
                "crop them all"
            )
        if len(pixels) > images.shape[1]:  # the first in colour
            images = _moved(images, len(kept), building, (len(files), *pixels.shape))
        images[len(kept)] = pixels  # one channel fills all three
        kept.append(place)
    if not kept:
        raise BadValueError(f"{files[0]} and the others cannot be read: there are no images")
    if len(kept) < len(files):
        images = _moved(images, len(kept), building, (len(kept), *images.shape[1:]))
    return filled(images), np.array(kept)


def _moved(
    images: UInt8[np.ndarray, "..."], count: int, building: Path, shape: tuple[int, int, int, int]
) -> UInt8[np.ndarray, "..."]:
    moved = room(building, shape)
    moved[:count] = images[:count]
    return moved
