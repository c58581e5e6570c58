"""NumPy archives, opened without trust: no pickles, nothing larger than it says."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.lib import format as npy

from vaelab.data.arrays import check_images, class_numbers
from vaelab.data.bombs import refuse_bomb
from vaelab.data.cache import cached
from vaelab.data.mapped import channels_first
from vaelab.data.npy import read_npy
from vaelab.data.pickles import DataPath
from vaelab.data.raw import Part, Raw, from_parts
from vaelab.data.source import UndividedSource
from vaelab.errors import BadValueError, MissingFileError, StorageError


class NpzData(UndividedSource):
    """A NumPy archive with x_train, y_train, x_test and y_test, or with images and labels.

    Images are uint8, `(n, h, w)`, `(n, h, w, c)` or `(n, c, h, w)` with 1 or 3 channels; labels are
    integers from 0, `(n)` or `(n, 1)`. Or a file `images.npy`, its labels beside it in `labels.npy`
    (`train_images.npy` in `train_labels.npy`, and so on; without such a file all are of one class):
    it is used where it lies, and may be larger than memory. Use it for images that a program of
    yours has as arrays.
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
    try:
        with zipfile.ZipFile(path) as archive:
            return _assemble(path, archive)
    except FileNotFoundError as error:
        raise MissingFileError(f"there is no file {path}") from error
    except (zipfile.BadZipFile, EOFError) as error:
        raise BadValueError(
            f"{path}: this is no NumPy archive, or it is damaged ({error}); "
            "write one with np.savez_compressed(path, images=..., labels=...)"
        ) from error
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error


def _assemble(path: Path, archive: zipfile.ZipFile) -> Raw:
    names = [name.removesuffix(".npy") for name in archive.namelist()]
    if "x_train" in names or "x_test" in names:
        train = _part(path, archive, names, "x_train", "y_train")
        return from_parts(train, _part(path, archive, names, "x_test", "y_test"))
    return from_parts(_part(path, archive, names, "images", "labels"), None)


def _part(path: Path, archive: zipfile.ZipFile, names: list[str], images: str, labels: str) -> Part:
    for name in (images, labels):
        if name not in names:
            raise BadValueError(
                f"{path}: there is no array `{name}`, only {', '.join(names) or 'nothing'}; wanted "
                "are x_train, y_train, x_test and y_test, or images and labels"
            )
    pixels, numbers = _array(path, archive, images), _array(path, archive, labels)
    check_images(f"{path}, array `{images}`", pixels)
    return Part(
        f"{path}, arrays `{images}` and `{labels}`",
        np.ascontiguousarray(channels_first(pixels)),
        class_numbers(f"{path}, array `{labels}`", numbers),
    )


def _array(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    where = f"{path}, array `{name}`"
    member = f"{name}.npy"
    try:
        size, held = _sizes(where, archive, member)
        refuse_bomb(path, archive.getinfo(member).compress_size, size)
        if size != held:
            raise BadValueError(f"{where}: {held} bytes where its header promises {size}")
        with archive.open(member) as file:
            return npy.read_array(file, allow_pickle=False)
    except (BadValueError, OSError, MemoryError):
        raise
    except Exception as error:  # NumPy and zipfile raise anything on damaged bytes
        raise BadValueError(f"{where}: this array is damaged ({error})") from error


def _sizes(where: str, archive: zipfile.ZipFile, member: str) -> tuple[int, int]:
    """The bytes that an array's header promises, and those the archive says it holds."""
    with archive.open(member) as file:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
        if dtype.hasobject:
            raise BadValueError(
                f"{where}: holds pickled Python objects, which are never read; "
                "save plain numbers of dtype uint8"
            )
        promised = int(np.prod(shape, dtype=object)) * dtype.itemsize
        return promised, archive.getinfo(member).file_size - file.tell()
