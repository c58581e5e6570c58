"""The training images, batch by batch, in an order that follows from seed and epoch."""

from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from vaelab.data.feed import resident
from vaelab.data.store import Split
from vaelab.randomness import Purpose, generator


@dataclass(frozen=True)
class Share:
    """Which part of every batch this process computes, where several share the work."""

    rank: int = 0
    world: int = 1

    def of(self, size: int) -> slice:
        """Its places in a batch of `size`; no two shares differ by more than one image."""
        return slice(size * self.rank // self.world, size * (self.rank + 1) // self.world)


@dataclass(frozen=True, eq=False)
class Part:
    """What one process has of a batch: images from place `first` on, of `size` in all."""

    images: UInt8[Tensor, "b c h w"]
    labels: Int64[Tensor, " b"]
    first: int
    size: int


class Batches(ABC):
    """Training images by the batch: every image once an epoch.

    Args:
        images: how many there are.
        size: of a batch.
    """

    def __init__(self, images: int, size: int) -> None:
        self.images = images
        self._starts = batch_starts(images, size)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self._starts) - 1

    @abstractmethod
    def epoch(self, seed: int, epoch: int, first: int = 0) -> Generator[Part]:
        """This process's parts of the epoch's batches, from batch number `first` on.

        The whole batches do not depend on how many processes share them.
        """


class ResidentBatches(Batches):
    """Images that lie on the device, as a random permutation each epoch.

    Args:
        split: the images.
        size: of a batch.
        device: where to keep them.
        share: this process's.
    """

    def __init__(self, split: Split, size: int, device: torch.device, share: Share) -> None:
        super().__init__(len(split), size)
        self._pixels: Tensor = resident(split.images, device)
        self._labels: Tensor = resident(split.labels, device)
        self._share = share

    def epoch(self, seed: int, epoch: int, first: int = 0) -> Generator[Part]:
        """Parts of the batches."""
        order = permutation(self.images, seed, epoch).to(self._pixels.device)
        for number in range(first, len(self)):
            batch = order[self._starts[number] : self._starts[number + 1]]
            mine = self._share.of(len(batch))
            index = batch[mine]
            yield Part(
                self._pixels.index_select(0, index), self._labels.index_select(0, index),
                mine.start, len(batch),
            )  # fmt: skip


def permutation(images: int, seed: int, epoch: int) -> Int64[Tensor, " n"]:
    """The order of the images in an epoch."""
    return torch.randperm(images, generator=generator(seed, Purpose.ORDER, epoch))


def batch_starts(images: int, size: int) -> list[int]:
    """Where batches begin, and the end; a single last image joins the batch before it."""
    starts = list(range(0, images, size))
    if len(starts) > 1 and images - starts[-1] == 1:
        starts.pop()
    return [*starts, images]
