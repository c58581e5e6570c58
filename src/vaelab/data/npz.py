"""Images and labels in NumPy's files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from vaelab.data.archive import Archive, open_archive
from vaelab.data.arrays import check_images, class_numbers
from vaelab.data.cache import cached
from vaelab.data.mapped import channels_first
from vaelab.data.npy import read_npy
from vaelab.data.pickles import DataPath
from vaelab.data.raw import Part, Raw, from_parts
from vaelab.data.source import UndividedSource
from vaelab.errors import BadValueError
from vaelab.yamlfile import quoted


class NpzData(UndividedSource):
    """A NumPy archive with x_train, y_train, x_test and y_test, or with images and labels.

    Images are uint8, `(n, h, w)`, `(n, h, w, c)` or `(n, c, h, w)` with 1 or 3 channels; labels are
    integers from 0, `(n)` or `(n, 1)`. Or a file `images.npy`, its labels beside it in `labels.npy`
    (`train_images.npy` in `train_labels.npy`, and so on): it is used where it lies, and may be
    larger than memory. Without labels all images are of one class. Use it for images that a program
    of yours has as arrays.
    """

    example: ClassVar[Mapping[str, Any]] = {"path": "arrays.npz"}

    kind: Literal["npz"] = "npz"
    path: DataPath
    """The .npz file, or the .npy file of the images."""

    @property
    def name(self) -> str:
        """What the figures call the data."""
        return self.path.stem

    def raw(self) -> Raw:
        """The arrays, through the cache of imports; those of a .npy file from there."""
        path = self.path.expanduser().absolute()
        if path.suffix == ".npy":
            return read_npy(path)
        return cached(self.kind, str(path), [path], lambda _: _read(path))


def _read(path: Path) -> Raw:
    with open_archive(path, follow=True) as archive:
        if "x_train" in archive.names or "x_test" in archive.names:
            train = _part(archive, "x_train", "y_train")
            return from_parts(train, _part(archive, "x_test", "y_test"))
        return from_parts(_part(archive, "images", "labels"), None)


def _part(archive: Archive, images: str, labels: str) -> Part:
    path = archive.path
    without_labels = not {"y_train", "y_test", "labels"} & set(archive.names)
    wanted = [images] if without_labels else [images, labels]
    for name in wanted:
        if name not in archive.names:
            raise BadValueError(
                f"{path}: there is no array `{name}`, only "
                f"{quoted(', '.join(archive.names)) or 'nothing'}; wanted "
                "are x_train, y_train, x_test and y_test, or images and labels; without labels "
                "all are of one class"
            )
    pixels = archive.read(images)
    numbers = np.zeros(len(pixels), np.int64) if without_labels else archive.read(labels)
    check_images(f"{path}, array `{images}`", pixels)
    return Part(
        f"{path}, arrays `{images}` and `{labels}`",
        np.ascontiguousarray(channels_first(pixels)),
        class_numbers(f"{path}, array `{labels}`", numbers),
    )
