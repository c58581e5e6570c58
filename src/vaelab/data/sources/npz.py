"""Images and labels in NumPy's files."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from vaelab.data.cache import cached, cached_checksum
from vaelab.data.formats.untrusted import Archive, DataPath, open_archive
from vaelab.data.mapped import channels_first, map_array, open_images
from vaelab.data.raw import Raw, RawSplit, check_shape, class_numbers, from_parts
from vaelab.data.source import UndividedSource
from vaelab.errors import BadValueError
from vaelab.files import opened
from vaelab.yamlfile import quoted


class NpzData(UndividedSource):
    """Images and labels in a NumPy archive, or in .npy files.

    An archive has x_train, y_train, x_test and y_test; train_images, train_labels, test_images and
    test_labels, as MedMNIST's do (its validation images are left out); images and labels; or X (or
    x) and y. Images are uint8, `(n, h, w)`, `(n, h, w, c)` or `(n, c, h, w)` with 1 or 3 channels;
    labels are integers from 0, `(n)` or `(n, 1)`. Or a file `images.npy`, its labels beside it in
    `labels.npy` (`train_images.npy` in `train_labels.npy`, and so on): it is used where it lies,
    and may be larger than memory. Without labels all images are of one class.
    """

    advice = "Use it for images that a program of yours has as arrays."

    example: ClassVar[Mapping[str, Any]] = {"path": "arrays.npz"}

    kind: Literal["npz"] = "npz"
    path: DataPath
    """The .npz file, or the .npy file of the images."""

    @property
    def name(self) -> str:
        return self.path.stem

    def raw(self) -> Raw:
        """The arrays, through the cache of imports; those of a .npy file from there."""
        path = self.path.expanduser().absolute()
        if path.suffix == ".npy":
            return _read_npy(path)
        return cached(self.kind, str(path), [path], lambda _: _read_npz(path))


DIVIDED = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
)
"""Names of the arrays of images that are divided already; the second are MedMNIST's."""
WHOLE = (("images", "labels"), ("X", "y"), ("x", "y"))


def _read_npz(path: Path) -> Raw:
    with open_archive(path, follow=True) as archive:
        for x_train, y_train, x_test, y_test in DIVIDED:
            if {x_train, x_test} & set(archive.names):
                train = _part(archive, x_train, y_train)
                return from_parts(train, _part(archive, x_test, y_test))
        names = next((pair for pair in WHOLE if pair[0] in archive.names), WHOLE[0])
        return from_parts(_part(archive, *names))


def _part(archive: Archive, images: str, labels: str) -> RawSplit:
    path = archive.path
    known = {name for names in (*DIVIDED, *WHOLE) for name in names[1::2]}
    without_labels = not known & set(archive.names)
    wanted = [images] if without_labels else [images, labels]
    for name in wanted:
        if name not in archive.names:
            raise BadValueError(
                f"{path}: there is no array `{name}`, only "
                f"{quoted(', '.join(archive.names)) or 'nothing'}; wanted are "
                f"{'; or '.join(', '.join(names) for names in (*DIVIDED, *WHOLE))}; without labels "
                "all are of one class"
            )
    pixels = archive.read(images)
    numbers = np.zeros(len(pixels), np.int64) if without_labels else archive.read(labels)
    _check_images(f"{path}, array `{images}`", pixels)
    return RawSplit(
        f"{path}, arrays `{images}` and `{labels}`",
        np.ascontiguousarray(channels_first(pixels)),
        class_numbers(f"{path}, array `{labels}`", numbers),
    )


def _check_images(where: str, images: np.ndarray) -> None:
    if images.dtype != np.uint8:
        raise BadValueError(
            f"{where}: dtype {images.dtype}, but pixels are uint8 in 0..255; save (x * 255).round()"
            ".astype(np.uint8) if they are in [0, 1], else x.round().astype(np.uint8); or train on "
            'floats in Python: vaelab.fit("vae", data=x, domain="unit")'
        )
    check_shape(where, images)


def _read_npy(path: Path) -> Raw:
    """Images of a .npy file, and labels of one with `labels` for `images` in its name, if any."""
    array = _open(path)
    _check_images(str(path), array)
    if not array.flags.c_contiguous:
        raise BadValueError(
            f"{path}: this array is in Fortran's order; save np.ascontiguousarray(x)"
        )
    files, labels = [path], np.full(len(array), "images")
    beside = path.with_name(path.name.replace("images", "labels"))
    if beside != path and beside.exists():
        files, labels = [path, beside], class_numbers(str(beside), _open(beside))
    raw = from_parts(RawSplit(" and ".join(map(str, files)), open_images(path), labels))
    return replace(raw, known=cached_checksum("npy", files, lambda: raw.checksum))


def _open(path: Path) -> "np.memmap[Any, Any]":
    with opened(path, follow=True):  # it is an ordinary file
        try:
            return map_array(path)
        except ValueError as error:
            raise BadValueError(
                f"{path}: this is no NumPy array, or it is damaged ({error}); write one with "
                "np.save(path, images)"
            ) from error
