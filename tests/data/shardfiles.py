"""Small shards, and what is read from them."""

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image

from vaelab.data import ShardsData, Store
from vaelab.data.loading import training_batches
from vaelab.data.loading.batches import BatchPart, RankShare

CPU = torch.device("cpu")
Files = Sequence[tuple[str, bytes]]


def png(value: int, side: int = 4, mode: str = "L") -> bytes:
    content = io.BytesIO()
    Image.new(mode, (side, side), value).save(content, "png")
    return content.getvalue()


def tar(path: Path, files: Files) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def files(values: Sequence[int]) -> Files:
    """A sample of each value: its picture has that value everywhere, its class is value mod 3."""
    return [
        file
        for value in values
        for file in ((f"{value:06d}.png", png(value)), (f"{value:06d}.cls", b"%d" % (value % 3)))
    ]


def fill(folder: Path, *sizes: int, split: str = "train", start: int = 0) -> Path:
    """Shards of these sizes, each image of another value."""
    for number, size in enumerate(sizes):
        tar(folder / f"{split}-{number:06d}.tar", files(range(start, start + size)))
        start += size
    return folder


def load(folder: Path, **keys: object) -> Store:
    return ShardsData.model_validate({"path": str(folder), **keys}).load()


def values(part: BatchPart) -> list[int]:
    return part.images[:, 0, 0, 0].tolist()


def whole(store: Store, size: int, world: int, epoch: int = 0, first: int = 0) -> list[list[int]]:
    """The batches of an epoch, put together from what each of several processes has of them."""
    shares = [
        list(training_batches(store, size, CPU, RankShare(rank, world)).epoch(5, epoch, first))
        for rank in range(world)
    ]
    together = []
    for parts in zip(*shares, strict=True):
        batch: list[int] = []
        for part in parts:
            assert part.first == len(batch)
            batch += values(part)
        assert {part.size for part in parts} == {len(batch)}
        together.append(batch)
    return together


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]
