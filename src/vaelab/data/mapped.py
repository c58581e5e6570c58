"""Images that stay in their file and are read as they are asked for."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from jaxtyping import Float32, Int64, UInt8
from numpy.lib import format as npy

BYTES = np.dtype(np.uint8)
MAX_MEMORY_BYTES = 2**28
"""Images of more bytes than this, 256 MiB, stay in the file that has them."""

Some = UInt8[np.ndarray, "m c h w"] | Float32[np.ndarray, "m c h w"]
Change = Callable[[Some, Int64[np.ndarray, " m"]], Some]


class MappedImages:
    """Some images of an array in a file; what is asked for of them is an array in memory.

    Beside `len`, `shape` and `nbytes` it has an array's indexing by a slice and by an index.
    `change` is made to images that were read, given these and their rows in the file.
    """

    def __init__(
        self,
        array: "np.memmap[Any, Any]",
        rows: Int64[np.ndarray, " n"] | None = None,
        change: Change | None = None,
    ) -> None:
        self._array = array
        self._change = change
        self.rows: Int64[np.ndarray, " n"] = np.arange(len(array)) if rows is None else rows

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """`(n, c, h, w)`."""
        return len(self), *channels_first(self._array[:1]).shape[1:]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of a pixel."""
        dtype: np.dtype[Any] = self._array.dtype
        return dtype

    @property
    def nbytes(self) -> int:
        """Of all these images as an array."""
        return len(self) * self._array.strides[0]

    def __getitem__(self, index: slice | Int64[np.ndarray, " m"]) -> Some:
        rows = self.rows[index]
        self._announce(rows)
        # `take` holds up no other thread while it copies or waits for the disk
        images = np.ascontiguousarray(channels_first(np.asarray(self._array).take(rows, axis=0)))
        return images if self._change is None else self._change(images, rows)

    def select(self, index: slice | Int64[np.ndarray, " m"]) -> "MappedImages":
        """The images at `index`, in that order, unread."""
        return MappedImages(self._array, self.rows[index], self._change)

    def changed(self, change: Change) -> "MappedImages":
        """The same images, each changed when it is read."""
        return MappedImages(self._array, self.rows, change)

    def _announce(self, rows: Int64[np.ndarray, " m"]) -> None:
        """Let the system read the pages of all these rows at once.

        Else each is waited for by itself when it is touched, and 128 KiB around it are read too.
        """
        if sys.platform != "linux" or not len(rows):
            return
        size = self._array.strides[0]
        ordered = np.sort(rows)
        gaps = np.flatnonzero(np.diff(ordered) > 1)
        starts, ends = ordered[np.r_[0, gaps + 1]] * size, (ordered[np.r_[gaps, -1]] + 1) * size
        with suppress(OSError), open(str(self._array.filename), "rb", buffering=0) as file:
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
                begin = self._array.offset + start
                os.posix_fadvise(file.fileno(), begin, end - start, os.POSIX_FADV_WILLNEED)


def map_array(path: Path, mode: Literal["r", "c"] = "r") -> "np.memmap[Any, Any]":
    """The array of a .npy file, mapped; a ValueError where `np.save` writes no such file."""
    try:
        return npy.open_memmap(path, mode=mode)
    except OSError:
        raise
    except Exception as error:  # NumPy raises anything on damaged headers
        raise ValueError(str(error) or type(error).__name__) from error


def open_images(path: Path) -> Some | MappedImages:
    """The images of a .npy file; few of them may be written to, which does not change the file."""
    array = map_array(path)
    known = array.dtype in (np.uint8, np.float32) and array.ndim in (3, 4)
    if not known or not array.flags.c_contiguous:
        raise ValueError(f"dtype {array.dtype}, shape {array.shape}")
    if array.nbytes > MAX_MEMORY_BYTES:
        return MappedImages(array)
    return np.require(channels_first(map_array(path, "c")), requirements="C")


def write_header(file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype[Any] = BYTES) -> None:
    """Begin a .npy file of images."""
    header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(file, header)


def channels_first(images: np.ndarray) -> np.ndarray:
    """A view `(n, c, h, w)` of images `(n, h, w)`, `(n, h, w, c)` or `(n, c, h, w)`."""
    if images.ndim == 3:
        return images[:, None]
    return images.transpose(0, 3, 1, 2) if images.shape[3] in (1, 3) else images
