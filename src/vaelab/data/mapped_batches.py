"""Batches of images that stay in their file, or in memory that the device lacks."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from vaelab.data.ahead import ahead
from vaelab.data.batches import Batches, Part, Share, permutation
from vaelab.data.store import Split

TOGETHER = 2**20
"""Bytes of small batches that are read in one go: threads that take turns cost time."""


class MappedBatches(Batches):
    """Images read from a file, or from memory that the device lacks, ahead of the training.

    The batches are those of `ResidentBatches`.

    Args:
        split: the images.
        size: of a batch.
        device: where to bring them.
        share: this process's.
    """

    def __init__(self, split: Split, size: int, device: torch.device, share: Share) -> None:
        super().__init__(len(split), size)
        self._split = split
        self._device = device
        self._share = share

    def epoch(self, seed: int, epoch: int, first: int = 0) -> Generator[Part]:
        """Parts of the batches."""
        order = permutation(self.images, seed, epoch).numpy()
        with closing(ahead(self._read(order, first))) as groups:
            for group in groups:
                # from pinned memory: nobody waits for the copy
                images, labels = (
                    tensor.to(self._device, non_blocking=True)
                    for tensor in (group.images, group.labels)
                )
                start = 0
                for mine, size in group.places:
                    part = slice(start, start + mine.stop - mine.start)
                    yield Part(images[part], labels[part], mine.start, size)
                    start = part.stop

    def _read(self, order: Int64[np.ndarray, " n"], first: int) -> Iterator["Group"]:
        size = self._starts[1] * prod(self._split.image_shape)
        together = max(1, TOGETHER // size)
        for begin in range(first, len(self), together):
            numbers = range(begin, min(begin + together, len(self)))
            batches = [order[self._starts[n] : self._starts[n + 1]] for n in numbers]
            places = [(self._share.of(len(batch)), len(batch)) for batch in batches]
            rows = [batch[mine] for batch, (mine, _) in zip(batches, places, strict=True)]
            index = np.concatenate(rows)
            images = torch.from_numpy(self._split.images[index])
            labels = torch.from_numpy(self._split.labels[index])
            if self._device.type == "cuda":
                images, labels = images.pin_memory(), labels.pin_memory()
            yield Group(images, labels, places)


@dataclass(frozen=True, eq=False)
class Group:
    """Parts of batches that are read together: where each lies in its batch, and of what size."""

    images: UInt8[Tensor, "n c h w"]
    labels: Int64[Tensor, " n"]
    places: Sequence[tuple[slice, int]]
