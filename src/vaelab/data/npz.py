"""NumPy archives, opened without trust: no pickles, nothing larger than it says."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Integer, UInt8
from numpy.lib import format as npy

from vaelab.data.bombs import refuse_bomb
from vaelab.data.cache import cached
from vaelab.data.pickles import DataPath
from vaelab.data.raw import Part, Raw, from_parts
from vaelab.data.source import UndividedSource
from vaelab.errors import BadValueError, MissingFileError, StorageError


class NpzData(UndividedSource):
    """A NumPy archive with x_train, y_train, x_test and y_test, or with images and labels.

    Images are uint8, `(n, h, w)`, `(n, h, w, c)` or `(n, c, h, w)` with 1 or 3 channels; labels are
    integers from 0, `(n)` or `(n, 1)`. Use it for images that a program of yours has as arrays.
    """

    example: ClassVar[Mapping[str, Any]] = {"path": "arrays.npz"}

    kind: Literal["npz"] = "npz"
    path: DataPath
    """The .npz file."""

    @property
    def name(self) -> str:
        """What the figures call the data."""
        return self.path.stem

    def raw(self) -> Raw:
        """The arrays, through the cache of imports."""
        path = self.path.expanduser().absolute()
        return cached(self.kind, str(path), [path], lambda: _read(path))


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
    pixels = _channels_first(f"{path}, array `{images}`", _array(path, archive, images))
    numbers = _numbers(f"{path}, array `{labels}`", _array(path, archive, labels))
    return Part(f"{path}, arrays `{images}` and `{labels}`", pixels, numbers)


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
    except BadValueError:
        raise
    except (ValueError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
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


def _channels_first(where: str, images: np.ndarray) -> UInt8[np.ndarray, "n c h w"]:
    if images.dtype != np.uint8:
        raise BadValueError(
            f"{where}: dtype {images.dtype}, but pixels are uint8 in 0..255; save (x * 255).round()"
            ".astype(np.uint8) if they are in [0, 1], else x.astype(np.uint8)"
        )
    if images.ndim == 3:
        return images[:, None]
    if images.ndim == 4 and images.shape[3] in (1, 3):
        return np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    if images.ndim == 4 and images.shape[1] in (1, 3):
        return images
    raise BadValueError(
        f"{where}: shape {images.shape}; wanted is (n, h, w), (n, h, w, c) or (n, c, h, w) with "
        "1 or 3 channels"
    )


def _numbers(where: str, labels: np.ndarray) -> Integer[np.ndarray, " n"]:
    if labels.dtype.kind not in "iu":
        raise BadValueError(
            f"{where}: dtype {labels.dtype}, but labels are integers; save y.astype(np.int64)"
        )
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise BadValueError(
            f"{where}: shape {labels.shape}; wanted is one number for each image, (n,); "
            "from one-hot rows save y.argmax(axis=1)"
        )
    return labels
