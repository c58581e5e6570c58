"""The training images, batch by batch, in an order that follows from seed and epoch."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from math import prod

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from vaelab.data.loading.evaluation import to_device
from vaelab.data.pixels import Stored
from vaelab.data.prefetch import prefetch
from vaelab.data.store import Split
from vaelab.randomness import Purpose, generator

GROUP_BYTES = 2**20
"""Bytes of small batches that are read in one go: threads that take turns cost time."""


@dataclass(frozen=True)
class RankShare:
    """Which part of every batch this process computes, where several share the work."""

    rank: int = 0
    world: int = 1

    def of(self, size: int) -> slice:
        """Its places in a batch of `size`; no two shares differ by more than one image."""
        return slice(size * self.rank // self.world, size * (self.rank + 1) // self.world)


@dataclass(frozen=True, eq=False)
class BatchPart:
    """What one process has of a batch: images from place `first` on, of `size` in all."""

    images: Stored
    labels: Int64[Tensor, " b"]
    first: int
    size: int


class Batches(ABC):
    """Training images by the batch on a device: every image once an epoch."""

    def __init__(self, images: int, size: int, device: torch.device, share: RankShare) -> None:
        self.images = images
        self._device, self._share = device, share
        starts = list(range(0, images, size))
        if len(starts) > 1 and images - starts[-1] == 1:  # it joins the batch before it
            starts.pop()
        self._starts = [*starts, images]

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self._starts) - 1

    @abstractmethod
    def epoch(self, seed: int, epoch: int, first: int = 0) -> Generator[BatchPart]:
        """This process's parts of the epoch's batches, from batch number `first` on.

        The whole batches do not depend on how many processes share them.
        """

    def _on_device(self, part: BatchPart) -> BatchPart:
        """The part, brought there; from pinned memory nobody waits for the copy."""
        images, labels = (
            tensor.to(self._device, non_blocking=True) for tensor in (part.images, part.labels)
        )
        return replace(part, images=images, labels=labels)


class MemoryBatches(Batches):
    """Images that lie on the device, as a random permutation each epoch."""

    def __init__(self, split: Split, size: int, device: torch.device, share: RankShare) -> None:
        super().__init__(len(split), size, device, share)
        self._pixels: Tensor = to_device(split.images, device)
        self._labels: Tensor = to_device(split.labels, device)

    def epoch(self, seed: int, epoch: int, first: int = 0) -> Generator[BatchPart]:
        order = permutation(self.images, seed, epoch).to(self._pixels.device)
        for number in range(first, len(self)):
            batch = order[self._starts[number] : self._starts[number + 1]]
            mine = self._share.of(len(batch))
            index = batch[mine]
            yield BatchPart(
                self._pixels.index_select(0, index), self._labels.index_select(0, index),
                mine.start, len(batch),
            )  # fmt: skip


class MappedBatches(Batches):
    """The batches of `MemoryBatches`, of images that stay in their file or lack room on the device.

    They are read ahead of the training.
    """

    def __init__(self, split: Split, size: int, device: torch.device, share: RankShare) -> None:
        super().__init__(len(split), size, device, share)
        self._split = split

    def epoch(self, seed: int, epoch: int, first: int = 0) -> Generator[BatchPart]:
        order = permutation(self.images, seed, epoch).numpy()
        with closing(prefetch(self._read(order, first))) as groups:
            for part in chain.from_iterable(groups):
                yield self._on_device(part)

    def _read(self, order: Int64[np.ndarray, " n"], first: int) -> Iterator[list[BatchPart]]:
        """The parts of several batches at a time, of images that are read in one go."""
        image = self._split.images.dtype.itemsize * prod(self._split.image_shape)
        together = max(1, GROUP_BYTES // (self._starts[1] * image))
        for begin in range(first, len(self), together):
            numbers = range(begin, min(begin + together, len(self)))
            batches = [order[self._starts[n] : self._starts[n + 1]] for n in numbers]
            mine = [self._share.of(len(batch)) for batch in batches]
            index = np.concatenate([batch[part] for batch, part in zip(batches, mine, strict=True)])
            images = torch.from_numpy(self._split.images[index])
            labels = torch.from_numpy(self._split.labels[index])
            if self._device.type == "cuda":
                images, labels = images.pin_memory(), labels.pin_memory()
            sizes = [share.stop - share.start for share in mine]
            split = torch.split(images, sizes), torch.split(labels, sizes)
            parts = zip(*split, mine, batches, strict=True)
            yield [BatchPart(x, y, share.start, len(batch)) for x, y, share, batch in parts]


def permutation(images: int, seed: int, epoch: int) -> Int64[Tensor, " n"]:
    """The order of the images in an epoch."""
    return torch.randperm(images, generator=generator(seed, Purpose.ORDER, epoch))
