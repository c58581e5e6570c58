"""NumPy archives opened without trust: no pickles, nothing larger than it says, no bombs."""

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from vaelab.data.formats.untrusted import MAX_IMAGE_RATIO, refuse_decompression_bomb
from vaelab.errors import BadValueError, UserError
from vaelab.files import opened

MAX_ARRAYS = 1000
"""Arrays of an archive."""


class Archive:
    """The arrays of an open .npz file."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, ratio: int) -> None:
        self.path, self._archive = path, archive
        members = archive.infolist()
        if len(members) > MAX_ARRAYS:
            raise BadValueError(f"{path}: there are more than {MAX_ARRAYS:,} arrays in it")
        packed = sum(member.compress_size for member in members)
        refuse_decompression_bomb(path, packed, sum(one.file_size for one in members), ratio)
        self.names = [member.filename.removesuffix(".npy") for member in members]

    def read(self, name: str) -> np.ndarray:
        """An array."""
        where, member = f"{self.path}, array `{name}`", f"{name}.npy"
        try:
            with self._archive.open(member) as file:
                version = npy.read_magic(file)
                read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
                shape, _, dtype = read(file)
                held = self._archive.getinfo(member).file_size - file.tell()
            if dtype.hasobject:
                raise BadValueError(
                    f"{where}: holds pickled Python objects, which are never read; "
                    "save plain numbers of dtype uint8"
                )
            size = math.prod(shape) * dtype.itemsize
            if size != held:
                raise BadValueError(f"{where}: {held} bytes where its header promises {size}")
            with self._archive.open(member) as file:
                return npy.read_array(file, allow_pickle=False)
        except (UserError, OSError, MemoryError):
            raise
        except Exception as error:  # NumPy and zipfile raise anything on damaged bytes
            raise BadValueError(f"{where}: this array is damaged ({error})") from error


@contextmanager
def open_archive(
    path: Path, follow: bool = False, ratio: int = MAX_IMAGE_RATIO
) -> Iterator[Archive]:
    """The arrays of a .npz file inside the block; `follow` as for `opened`."""
    with opened(path, follow) as file:
        try:
            archive = zipfile.ZipFile(file)
        except Exception as error:  # zipfile raises anything on damaged bytes
            raise BadValueError(
                f"{path}: this is no NumPy archive such as np.savez writes, or it is damaged "
                f"({error})"
            ) from error
        yield Archive(path, archive, ratio)
