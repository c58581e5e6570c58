"""Tensors and a JSON header in one .safetensors file, written whole, read with a checksum."""

import hashlib
import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from safetensors import SafetensorError

from vaelab.errors import BadValueError
from vaelab.files import opened, write_bytes

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

Header = dict[str, Any]
MAX_HEADER_BYTES = 2**27
"""Bytes; the format allows no more than about this."""
DEFLATED = "deflated"
"""Key of the header under which types and shapes of deflated tensors stand."""
OTHERS = "its tensors are not those that were saved: their checksum differs"
DAMAGE = (SafetensorError, struct.error, AttributeError, KeyError, OverflowError,
          RuntimeError, TypeError, ValueError)  # fmt: skip
"""What reading a damaged file raises."""


def write_tensors(
    path: Path, tensors: "Mapping[str, Tensor]", about: Header, deflated: bool = False
) -> None:
    """Write tensors and a JSON header as one .safetensors file, whole.

    The header carries the SHA-256 of the tensors and that of the header itself, since the format
    has no checksum of its own: one value of the file's metadata, whose keys have no order.
    `deflated` it has fewer bytes and takes more time; no bit is lost.
    """
    import torch  # here, since who reads headers alone need not wait for it
    from safetensors.torch import save

    copies = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    digest = digest_of(copies)
    if deflated:
        shapes = {name: [str(one.dtype)[6:], *one.shape] for name, one in copies.items()}
        about = {**about, DEFLATED: shapes}
        copies = {name: _deflate(one) for name, one in copies.items()}
    text = json.dumps(about)
    header = f"{digest} {_digest(f'{digest} {text}')} {text}"
    write_bytes(path, save(copies, metadata={"vaelab": header}))


def read_tensors(path: Path) -> "tuple[dict[str, Tensor], Header]":
    """Read what `write_tensors` wrote."""
    import torch
    from safetensors.torch import load

    with _opened(path) as file:
        _check_length(file)
        content = file.read()  # at once: a training may put a newer one in its place meanwhile
        tensors = load(content)
        digest, about = _header(BytesIO(content))
        for name, (dtype, *shape) in about.pop(DEFLATED, {}).items():
            tensors[name] = _inflate(tensors[name], getattr(torch, dtype), shape)
        if digest != digest_of(tensors):
            raise ValueError(OTHERS)
    return tensors, about


def read_arrays(path: Path) -> "tuple[dict[str, np.ndarray], Header]":
    """As `read_tensors`, without PyTorch and of what was not deflated."""
    from safetensors.numpy import load

    with _opened(path) as file:
        _check_length(file)
        content = file.read()
        arrays = load(content)
        digest, about = _header(BytesIO(content))
        if digest != _digest_of({
            name: (f"torch.{one.dtype}", one.shape, one) for name, one in arrays.items()
        }):  # fmt: skip
            raise ValueError(OTHERS)
    return arrays, about


def read_header(path: Path) -> Header:
    """Read the header alone of what `write_tensors` wrote; raises as `read_tensors`."""
    with _opened(path) as file:
        about = _header(file)[1]
    about.pop(DEFLATED, None)
    return about


def read_digest(path: Path) -> str:
    """The digest of the tensors of a file, without loading them; raises as `read_tensors`."""
    with _opened(path) as file:
        return _header(file)[0]


def digest_of(tensors: "Mapping[str, Tensor]") -> str:
    """SHA-256 of the names, types, shapes and bytes of tensors on the CPU: their identity."""
    import torch

    return _digest_of({
        name: (f"{tensor.dtype}", (*tensor.shape,), tensor.reshape(-1).view(torch.uint8).numpy())
        for name, tensor in tensors.items()
    })  # fmt: skip


def _digest_of(arrays: "Mapping[str, tuple[str, tuple[int, ...], np.ndarray]]") -> str:
    """The same of types as PyTorch names them, shapes and values."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        dtype, shape, values = arrays[name]
        digest.update(f"{name} {dtype} {shape}\n".encode())
        digest.update(values.data)
    return digest.hexdigest()


def pack_bytes(content: bytes) -> bytes:
    """Bytes by Huffman's code alone: as small where nothing repeats, in half the time."""
    packer = zlib.compressobj(strategy=zlib.Z_HUFFMAN_ONLY)
    return packer.compress(content) + packer.flush()


def unpack_bytes(content: bytes, size: int) -> bytes:
    """What `pack_bytes` was given.

    Raises:
        ValueError: it was not so many bytes, or that is no such code.
    """
    most = min(size, 8 * len(content))  # the code has a bit for each byte, at least
    try:
        values = zlib.decompressobj().decompress(content, most + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(values) != size:
        raise ValueError(f"it does not hold the {size} bytes that were packed")
    return values


def _deflate(tensor: "Tensor") -> "Tensor":
    """The bytes of a tensor, compressed: first bytes of all values, then all second ones, ...

    Exponents are much alike, so that they take few bits once they stand together.
    """
    import torch

    values = tensor.reshape(-1, 1).view(torch.uint8).t().contiguous().numpy()
    return torch.frombuffer(bytearray(pack_bytes(values.tobytes())), dtype=torch.uint8)


def _inflate(packed: "Tensor", dtype: "torch.dtype", shape: Sequence[int]) -> "Tensor":
    """What `_deflate` was given."""
    import torch

    size = prod(shape) * dtype.itemsize
    content = unpack_bytes(packed.numpy().tobytes(), size)
    values = torch.frombuffer(bytearray(content), dtype=torch.uint8) if size else packed[:0]
    return values.view(dtype.itemsize, -1).t().reshape(-1).view(dtype).reshape(tuple(shape))


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with opened(path) as file:
            yield file
    except DAMAGE as error:
        raise BadValueError(
            f"{path} is damaged or was not written by vaelab ({error}); train the run again"
        ) from error


def _header(file: BinaryIO | BytesIO) -> tuple[str, Header]:
    """The digest of a file's tensors, and what it says of itself."""
    digest, own, text = _json(file)["__metadata__"]["vaelab"].split(" ", 2)
    if own != _digest(f"{digest} {text}"):
        raise ValueError("its header is not the one that was saved: its checksum differs")
    about = json.loads(text)
    if not isinstance(about, dict):
        raise ValueError("its header is no mapping")
    return digest, about


def _json(file: BinaryIO | BytesIO) -> Header:
    """A .safetensors file begins with the length of its JSON header, a uint64."""
    (length,) = struct.unpack("<Q", file.read(8))
    if length > MAX_HEADER_BYTES:
        raise ValueError(f"a header of {length} bytes")
    header: Header = json.loads(file.read(length))
    return header


def _check_length(file: BinaryIO) -> None:
    """Refuse to read what is longer or shorter than its tensors, before it is in memory."""
    tensors = [entry for name, entry in _json(file).items() if name != "__metadata__"]
    end = file.tell() + max((entry["data_offsets"][1] for entry in tensors), default=0)
    if end != file.seek(0, os.SEEK_END):
        raise ValueError(f"it has {file.tell():,} bytes where its header promises {end:,}")
    file.seek(0)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
