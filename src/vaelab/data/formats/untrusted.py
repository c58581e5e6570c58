"""Files from strangers: no pickles, nothing that unpacks too far; NumPy archives so opened."""

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.lib import format as npy
from pydantic import AfterValidator

from vaelab.errors import BadValueError, UserError
from vaelab.files import opened

PICKLE_SUFFIXES = frozenset({".pkl", ".pickle"})


def refuse_pickle(path: Path) -> Path:
    """The path, unless it is that of a pickle, such as the Frey faces are passed around as."""
    if "\0" in str(path):
        raise BadValueError("this names no file; give one")
    if path.suffix.lower() not in PICKLE_SUFFIXES:
        return path
    archive = path.with_suffix(".npz")
    raise BadValueError(
        f"{path}: a pickle is never read, since reading one runs whatever code is in it; if you "
        "trust its author, paste the next line into Python (28 x 20 is a Frey face's height x "
        f"width) and use `data: {{kind: npz, path: {archive}}}`\n{conversion(path, archive)}"
    )


def conversion(path: Path, archive: Path) -> str:
    """A line of Python that writes a pickled array as an archive of one class of images."""
    return (
        "import pickle, numpy as np; "
        f"x = np.asarray(pickle.load(open({str(path)!r}, 'rb'), encoding='latin1'))"
        ".reshape(-1, 28, 20); "
        f"np.savez_compressed({str(archive)!r}, "
        "images=(x * (255 if x.max() <= 1 else 1)).round().astype(np.uint8), "
        "labels=np.zeros(len(x), int))"
    )


DataPath = Annotated[Path, AfterValidator(refuse_pickle)]
"""Where data is read from."""


HARMLESS_BYTES = 2**26
"""Bytes that anything may unpack into."""
MAX_IMAGE_RATIO = 250
"""To one that images pack: MNIST 5, the black and white sprites of dSprites 120."""
MAX_NUMBER_RATIO = 50
"""The same of arrays that vaelab writes."""


def refuse_decompression_bomb(
    path: Path, packed: int, unpacked: int, ratio: int = MAX_IMAGE_RATIO
) -> None:
    """Refuse to unpack what is both large and packed beyond what is in such files."""
    if unpacked > HARMLESS_BYTES and unpacked > ratio * packed:
        raise BadValueError(
            f"{path}: {packed:,} bytes that promise to unpack into {unpacked:,} are no images but "
            "a decompression bomb; it is left alone"
        )


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
