"""The IDX file format of MNIST: a magic number, the sizes, the bytes; plain or gzipped."""

import gzip
import io
import zlib
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from vaelab.data.bombs import refuse_bomb
from vaelab.errors import BadValueError, MissingFileError
from vaelab.files import opened

SLACK = 2**20
"""Bytes that packing may add to what it packs."""


def find_idx(directory: Path, name: str) -> Path:
    """The file `name`, e.g. `train-images-idx3-ubyte`, as people have it: dotted, gzipped, or not.

    Raises:
        MissingFileError: none of the spellings is there.
    """
    dotted = name.replace("-idx", ".idx")
    spellings = [stem + suffix for stem in (name, dotted) for suffix in ("", ".gz")]
    for spelling in spellings:
        if (directory / spelling).is_file():
            return directory / spelling
    raise MissingFileError(
        f"there is no {name} (nor {', '.join(spellings[1:])}) in {directory}; "
        "give the folder of the four IDX files as data.path, or leave it out to download them"
    )


def read_idx(path: Path, dimensions: int) -> UInt8[np.ndarray, "..."]:
    """Read a file of unsigned bytes, no further than its header says.

    Args:
        path: plain, or gzipped if its name ends in .gz.
        dimensions: 1 for labels `(n)`, 3 for images `(n, h, w)`.

    Raises:
        BadValueError: another magic number, fewer or more bytes than the header says, or a broken
            gzip.
        MissingFileError: no such file.
    """
    packed = path.suffix == ".gz"
    with opened(path, follow=True) as plain:
        try:
            with gzip.open(plain) if packed else nullcontext(plain) as file:
                return _read(file, path, dimensions, packed)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise BadValueError(
                f"{path}: this gzip file is damaged or cut short ({error}); fetch it again"
            ) from error


def _read(
    file: gzip.GzipFile | io.BufferedReader, path: Path, dimensions: int, packed: bool
) -> UInt8[np.ndarray, "..."]:
    shape = _shape(file.read(4 + 4 * dimensions), path, dimensions)
    size = int(np.prod(shape, dtype=object))
    stored = path.stat().st_size
    if packed:
        refuse_bomb(path, stored, size)
        if stored > 2 * size + SLACK:  # it would be read to its end
            raise BadValueError(
                f"{path}: its header promises {_spelled(shape)} bytes, but {stored:,} are packed"
            )
    elif stored < size:  # before the memory for it is asked for
        raise _cut_short(path, shape, stored - 4 - 4 * dimensions)
    content = np.empty(size, dtype=np.uint8)
    filled = 0
    while count := file.readinto(content[filled:].data):
        filled += count
    if filled < size:
        raise _cut_short(path, shape, filled)
    if file.read(1):
        raise BadValueError(
            f"{path}: its header promises {_spelled(shape)} = {size} bytes, but there are more; "
            "the file is not what its header says"
        )
    return content.reshape(shape)


def _shape(header: bytes, path: Path, dimensions: int) -> tuple[int, ...]:
    magic = bytes([0, 0, 8, dimensions])  # 8: unsigned bytes
    if header[:4] != magic:
        raise BadValueError(
            f"{path}: starts with {header[:4].hex(' ') or 'nothing'}, but an IDX file of "
            f"{dimensions}-dimensional unsigned bytes starts with {magic.hex(' ')}; "
            "is this the right file?"
        )
    if len(header) < 4 + 4 * dimensions:
        raise BadValueError(f"{path}: ends within its header; fetch the file again")
    return tuple(int(size) for size in np.frombuffer(header[4:], dtype=">u4"))


def _cut_short(path: Path, shape: tuple[int, ...], got: int) -> BadValueError:
    return BadValueError(
        f"{path}: its header promises {_spelled(shape)} bytes, but there are {max(got, 0)}; "
        "the file is cut short, fetch it again"
    )


def _spelled(shape: tuple[int, ...]) -> str:
    return " x ".join(str(size) for size in shape)
