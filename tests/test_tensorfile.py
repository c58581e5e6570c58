"""Tensors in files: every bit comes back, in fewer bytes where that is asked for."""

import zlib
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from vaelab.errors import BadValueError
from vaelab.tensorfile import (
    digest_of,
    pack_bytes,
    read_digest,
    read_header,
    read_tensors,
    unpack_bytes,
    write_tensors,
)

TENSORS = {
    "weights": torch.randn(64, 300, generator=torch.Generator().manual_seed(0)),
    "odd": torch.tensor([float("nan"), -0.0, float("inf"), 1e-45]),
    "half": torch.randn(7).to(torch.bfloat16),
    "wide": torch.randn(3, 1, 2, dtype=torch.float64),
    "count": torch.tensor(12),
    "flags": torch.tensor([True, False]),
    "nothing": torch.zeros(0, 3),
}


@pytest.mark.parametrize("deflated", [False, True])
def test_every_bit_comes_back(deflated: bool, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS, {"step": 3}, deflated)
    again, about = read_tensors(path)
    assert about == read_header(path) == {"step": 3}
    assert read_digest(path) == digest_of(again) == digest_of(TENSORS)
    for name, tensor in TENSORS.items():
        assert (again[name].dtype, again[name].shape) == (tensor.dtype, tensor.shape)


def test_deflated_is_smaller(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    write_tensors(one, TENSORS, {})
    write_tensors(other, TENSORS, {}, deflated=True)
    assert other.stat().st_size < 0.9 * one.stat().st_size


def test_a_damaged_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"weights": TENSORS["weights"]}, {}, deflated=True)
    with safe_open(path, "pt") as file:
        metadata, packed = file.metadata(), file.get_tensor("weights")
    for wrong in (packed[:-20], packed.flip(0), packed.float()):
        save_file({"weights": wrong}, path, metadata)
        with pytest.raises(BadValueError, match="is damaged"):
            read_tensors(path)


def test_packed_bytes_come_back_and_no_few_of_them_become_many() -> None:
    for content in (b"", b"a", bytes(1000), bytes(range(256)) * 40):
        assert unpack_bytes(pack_bytes(content), len(content)) == content
    bomb = zlib.compress(bytes(10_000_000), 9)
    for packed, size in ((bomb, 10_000_000), (pack_bytes(b"abc"), 2), (pack_bytes(b"abc"), 4)):
        with pytest.raises(ValueError, match="does not hold the"):
            unpack_bytes(packed, size)
    with pytest.raises(ValueError, match="header"):
        unpack_bytes(b"no zlib stream", 14)
