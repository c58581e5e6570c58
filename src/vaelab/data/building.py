"""An import under way: a folder of the cache that appears when it is complete, or not at all."""

import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from math import prod
from pathlib import Path
from types import TracebackType

import numpy as np
from jaxtyping import UInt8
from numpy.lib import format as npy

from vaelab.data.mapped import LARGE, MappedImages, open_images, write_header
from vaelab.errors import StorageError
from vaelab.files import make_folders

IMAGES = "images.npy"


class Building:
    """Where an import puts its images: memory, or a file of the cache where they are many.

    What is left in its folder at the end of the block is removed.

    Args:
        imports: the folder beside whose entries it builds; made when it is needed.
    """

    def __init__(self, imports: Path) -> None:
        self._imports = imports
        self._folder: Path | None = None
        self._stack = ExitStack()

    def __enter__(self) -> "Building":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def folder(self) -> Path:
        """Of the entry to be.

        Raises:
            OSError: it cannot be made.
        """
        if self._folder is None:
            make_folders(self._imports)
            outer = tempfile.TemporaryDirectory(
                prefix=".building-", dir=self._imports, ignore_cleanup_errors=True
            )
            self._folder = Path(self._stack.enter_context(outer)) / "entry"
            self._folder.mkdir()
        return self._folder

    def images(self, shape: tuple[int, int, int, int]) -> UInt8[np.ndarray, "n c h w"]:
        """An array to be filled; a former one of this import is given up.

        Raises:
            StorageError: the disk has no room for so many.
        """
        if prod(shape) <= LARGE:
            return np.empty(shape, np.uint8)
        try:
            path = self.folder() / IMAGES
            path.unlink(missing_ok=True)
        except OSError:
            return np.empty(shape, np.uint8)
        _reserve(path, shape)
        return npy.open_memmap(path, mode="r+")

    def filled(
        self, images: UInt8[np.ndarray, "n c h w"]
    ) -> UInt8[np.ndarray, "n c h w"] | MappedImages:
        """The array that `images` gave, now that it is filled."""
        if not isinstance(images, np.memmap):
            return images
        images.flush()
        return open_images(Path(str(images.filename)))


def _reserve(path: Path, shape: tuple[int, int, int, int]) -> None:
    """Make a file for these images whose whole room on the disk is its own from the start."""
    size, free = prod(shape), shutil.disk_usage(path.parent).free
    full = (
        f"the import of {shape[0]:,} images needs {size / 1e9:.1f} GB in {path.parents[2]}, where "
        f"{free / 1e9:.1f} GB are free; free some space, or name a folder on another disk by the "
        "environment variable VAELAB_CACHE"
    )
    if size > free:
        raise StorageError(full)
    try:
        with path.open("xb") as file:
            write_header(file, shape)
            file.truncate(file.tell() + size)
            if sys.platform == "linux":
                # else a disk that fills up kills the process that writes to the mapped file
                os.posix_fallocate(file.fileno(), 0, file.tell() + size)
    except OSError as error:
        raise StorageError(full) from error
