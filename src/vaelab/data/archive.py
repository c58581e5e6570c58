"""NumPy archives opened without trust: no pickles, nothing larger than it says, no bombs."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from vaelab.data.bombs import IMAGES, refuse_bomb
from vaelab.errors import BadValueError, UserError
from vaelab.files import opened

MOST = 1000
"""Arrays of an archive."""


class Archive:
    """The arrays of a .npz file.

    Args:
        path: the file, for messages.
        archive: open.
        ratio: as for `refuse_bomb`.

    Raises:
        BadValueError: it is a bomb.
    """

    def __init__(self, path: Path, archive: zipfile.ZipFile, ratio: int) -> None:
        self.path, self._archive = path, archive
        members = archive.infolist()
        if len(members) > MOST:
            raise BadValueError(f"{path}: there are more than {MOST:,} arrays in it")
        packed, unpacked = (
            sum(member.compress_size for member in members),
            sum(member.file_size for member in members),
        )
        refuse_bomb(path, packed, unpacked, ratio)
        self.names = [member.filename.removesuffix(".npy") for member in members]

    def read(self, name: str) -> np.ndarray:
        """An array.

        Raises:
            BadValueError: it is damaged, or of Python objects.
        """
        where, member = f"{self.path}, array `{name}`", f"{name}.npy"
        try:
            size, held = self._sizes(where, member)
            if size != held:
                raise BadValueError(f"{where}: {held} bytes where its header promises {size}")
            with self._archive.open(member) as file:
                return npy.read_array(file, allow_pickle=False)
        except (UserError, OSError, MemoryError):
            raise
        except Exception as error:  # NumPy and zipfile raise anything on damaged bytes
            raise BadValueError(f"{where}: this array is damaged ({error})") from error

    def _sizes(self, where: str, member: str) -> tuple[int, int]:
        """The bytes that an array's header promises, and those the archive says it holds."""
        with self._archive.open(member) as file:
            version = npy.read_magic(file)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = read(file)
            if dtype.hasobject:
                raise BadValueError(
                    f"{where}: holds pickled Python objects, which are never read; "
                    "save plain numbers of dtype uint8"
                )
            promised = int(np.prod(shape, dtype=object)) * dtype.itemsize
            return promised, self._archive.getinfo(member).file_size - file.tell()


@contextmanager
def open_archive(path: Path, follow: bool = False, ratio: int = IMAGES) -> Iterator[Archive]:
    """The arrays of a .npz file inside the block.

    Args:
        path: the file.
        follow: as for `opened`.
        ratio: as for `refuse_bomb`.

    Raises:
        UserError: as `opened`; or it is no such file, damaged, or a bomb.
    """
    with opened(path, follow) as file:
        try:
            archive = zipfile.ZipFile(file)
        except Exception as error:  # zipfile raises anything on damaged bytes
            raise BadValueError(
                f"{path}: this is no NumPy archive such as np.savez writes, or it is damaged "
                f"({error})"
            ) from error
        yield Archive(path, archive, ratio)
