"""Folders of pictures: one folder for each class, or one for all."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import PositiveInt, model_validator

from vaelab.data.building import Building
from vaelab.data.cache import cached
from vaelab.data.folders import Listing, divisions, list_images
from vaelab.data.mapped import MappedImages
from vaelab.data.pickles import DataPath
from vaelab.data.pictures import Picture, read_picture
from vaelab.data.progress import track
from vaelab.data.raw import Raw, divided, undivided
from vaelab.data.source import UndividedSource
from vaelab.data.store import Images, Split
from vaelab.errors import BadValueError


class ImagesData(UndividedSource):
    """Your own pictures (PNG, JPEG, WebP, BMP), a folder for each class, grey or colour.

    Found are `path/train/images/<class>/*` with `path/test/images/<class>/*`, the same without
    `images`, or `path/<class>/*`; without class folders all pictures are of the one class `images`.
    They are turned upright; transparency is laid on white. The order is that of the file names. Use
    it for pictures as they come from a camera or the web; `size` makes them equally large.
    """

    example: ClassVar[Mapping[str, Any]] = {"path": "my_images", "size": 32}

    kind: Literal["images"] = "images"
    path: DataPath | None = None
    """Folder of the pictures; or give train."""
    train: DataPath | None = None
    """Folder of the training pictures, in place of path."""
    test: DataPath | None = None
    """Folder of the test pictures beside train; null: test_fraction is held out."""
    size: PositiveInt | tuple[PositiveInt, PositiveInt] | None = None
    """Scale to this side (or height and width) and crop at the centre; null: as they are."""
    channels: Literal[1, 3] | None = None
    """1 is grey, 3 is colour; null: grey if every picture is."""

    @model_validator(mode="after")
    def _one_place(self) -> "ImagesData":
        if (self.path is None) == (self.train is None):
            raise ValueError("data of kind `images` needs either `path` or `train`, and not both")
        if self.test is not None and self.train is None:
            raise ValueError("`test` stands beside `train`; `path` finds its own test folder")
        return self

    @property
    def name(self) -> str:
        """What the figures call the data."""
        return self._roots()[0].resolve().name if self.path is None else self.path.resolve().name

    def raw(self) -> Raw:
        """The pictures as arrays, through the cache of imports."""
        train_root, test_root = self._roots()
        train = list_images(train_root)
        test = list_images(test_root).relabelled(train.classes) if test_root else None
        asked = f"{train_root} {test_root} {self.size} {self.channels}"
        files = train.files + (test.files if test else ())
        return cached(self.kind, asked, files, lambda building: self._read(train, test, building))

    def _roots(self) -> tuple[Path, Path | None]:
        """Absolute folders of the training and the test pictures."""
        train, test = divisions(_absolute(self.path)) if self.path else (self.train, self.test)
        return _absolute(train or Path()), test and _absolute(test)

    def _read(self, train: Listing, test: Listing | None, building: Building) -> Raw:
        files = train.files + (test.files if test else ())
        size = (self.size, self.size) if isinstance(self.size, int) else self.size
        title = f"reading {len(files)} images"
        pictures = (read_picture(file, size, self.channels) for file in track(files, title))
        labels = train.labels + (test.labels if test else ())
        whole = Split(_stack(files, pictures, building), np.array(labels, dtype=np.int64))
        if test is None:
            return undivided(whole, train.classes)
        return divided(*whole.divide(len(train.files)), train.classes)


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _stack(
    files: Sequence[str], pictures: Iterator[Picture], building: Building
) -> Images | MappedImages:
    first = next(pictures).transpose(2, 0, 1)
    images = building.images((len(files), *first.shape))
    images[0] = first
    for place, picture in enumerate(pictures, 1):
        pixels = picture.transpose(2, 0, 1)
        if pixels.shape[1:] != images.shape[2:]:
            height, width = images.shape[2:]
            raise BadValueError(
                f"images of different sizes: {files[0]} is {width}x{height} but {files[place]} is "
                f"{picture.shape[1]}x{picture.shape[0]} (width x height); set data.size, e.g. "
                f"size: {min(height, width, *picture.shape[:2])}, to scale and crop them all"
            )
        if len(pixels) > images.shape[1]:  # the first in colour
            grey, images = images, building.images((len(files), *pixels.shape))
            images[:place] = grey[:place]
        images[place] = pixels  # one channel fills all three
    return building.filled(images)
