"""Tensors and a JSON header in one .safetensors file, written whole, read with a checksum."""

import hashlib
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from vaelab.errors import BadValueError
from vaelab.files import opened, write_bytes

Header = dict[str, Any]
LONGEST_HEADER = 2**27
"""Bytes; the format allows no more than about this."""
DAMAGE = (SafetensorError, struct.error, AttributeError, KeyError, RecursionError, TypeError,
          ValueError)  # fmt: skip
"""What reading a damaged file raises."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: Header) -> None:
    """Write tensors and a JSON header as one .safetensors file, whole.

    The header carries the SHA-256 of the tensors and that of the header itself, since the format
    has no checksum of its own.

    Raises:
        StorageError: the disk is full, or the folder is gone or cannot be written.
    """
    copies = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    metadata = {"vaelab": _Header(about, digest_of(copies)).text}
    write_bytes(path, save(copies, metadata=metadata))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], Header]:
    """Read what `write_tensors` wrote.

    Raises:
        BadValueError: the file is damaged or was not written by vaelab.
    """
    try:
        with opened(path) as file:
            _check_length(file)
            content = file.read()  # at once: a training may put a newer one in its place meanwhile
        tensors, header = load(content), _header(BytesIO(content))
        if header.tensors not in {None, digest_of(tensors)}:
            raise ValueError("its tensors are not those that were saved: their checksum differs")
        return tensors, header.about
    except DAMAGE as error:
        raise _damaged(path, error) from error


def read_header(path: Path) -> Header:
    """Read the header alone of what `write_tensors` wrote.

    Raises:
        BadValueError: the file is damaged or was not written by vaelab.
    """
    try:
        with opened(path) as file:
            return _header(file).about
    except DAMAGE as error:
        raise _damaged(path, error) from error


def digest_of(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of the names, types, shapes and bytes of tensors on the CPU: their identity."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def read_digest(path: Path) -> str:
    """The digest of the tensors of a file, without loading them where the header has it.

    Raises:
        BadValueError: the file is damaged or was not written by vaelab.
    """
    try:
        with opened(path) as file:
            digest = _header(file).tensors
    except DAMAGE as error:
        raise _damaged(path, error) from error
    return digest_of(read_tensors(path)[0]) if digest is None else digest


@dataclass(frozen=True)
class _Header:
    """One value of a file's metadata, whose keys have no order: two checksums, then JSON.

    Attributes:
        about: what the file says of itself.
        tensors: their digest; None in files of earlier versions, which hold the JSON alone.
    """

    about: Header
    tensors: str | None

    @property
    def text(self) -> str:
        text = json.dumps(self.about)
        return f"{self.tensors} {_digest(f'{self.tensors} {text}')} {text}"

    @classmethod
    def parse(cls, text: str) -> "_Header":
        """Raises ValueError where a checksum differs."""
        tensors, own = None, None
        if not text.startswith("{"):
            tensors, own, text = text.split(" ", 2)
        if own not in {None, _digest(f"{tensors} {text}")}:
            raise ValueError("its header is not the one that was saved: its checksum differs")
        about = json.loads(text)
        if not isinstance(about, dict):
            raise ValueError("its header is no mapping")
        return cls(about, tensors)


def _header(file: BinaryIO | BytesIO) -> _Header:
    return _Header.parse(_json(file)["__metadata__"]["vaelab"])


def _json(file: BinaryIO | BytesIO) -> Header:
    """A .safetensors file begins with the length of its JSON header, a uint64."""
    (length,) = struct.unpack("<Q", file.read(8))
    if length > LONGEST_HEADER:
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


def _damaged(path: Path, error: Exception) -> BadValueError:
    return BadValueError(
        f"{path} is damaged or was not written by vaelab ({error}); train the run again"
    )
