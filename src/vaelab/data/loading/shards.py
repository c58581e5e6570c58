"""Batches from streams of shards, read ahead."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import islice, pairwise
from threading import Event

import numpy as np
import torch
from jaxtyping import Int64

from vaelab.data.loading.batches import Batches, BatchPart, RankShare
from vaelab.data.prefetch import prefetch
from vaelab.data.shards.stream import Image, ShardStream
from vaelab.errors import BadValueError
from vaelab.randomness import Purpose, derived_seed, generator


class ShardBatches(Batches):
    """Images from streams of shards, read ahead of the training in a thread.

    A batch is what each stream gives next, the first stream's images first. A process reads only
    the streams of its share, so a shard is read by one process in an epoch, and the batches do not
    depend on how many processes there are. Their order is a function of seed, epoch and the numbers
    of images in the shards.
    """

    def __init__(
        self, stream: ShardStream, size: int, device: torch.device, share: RankShare
    ) -> None:
        super().__init__(len(stream), size, device, share)
        self._stream = stream
        self._streams = min(stream.streams, len(stream.shards))
        if share.world > self._streams:
            raise BadValueError(
                f"{share.world} processes cannot share {self._streams} streams of shards "
                f"(data.streams is {stream.streams}, and there are {len(stream.shards)} training "
                "shards); use fewer processes, or more streams and shards"
            )
        self._mine = share.of(self._streams)

    def epoch(self, seed: int, epoch: int, first: int = 0) -> Generator[BatchPart]:
        seed = derived_seed(seed, Purpose.ORDER, epoch)
        dealt = deal(len(self._stream.shards), self._streams, seed)
        lengths = [sum(self._stream.shards[n].images for n in shards) for shards in dealt]
        before = drawn_from(lengths, self._starts[first])
        buffer = max(1, self._stream.buffer // self._streams)
        stopped = Event()
        with ExitStack() as files:
            streams = []
            for n in range(self._mine.start, self._mine.stop):
                draws = derived_seed(seed, Purpose.ORDER, 1 + n)
                images = self._stream.shuffled(dealt[n], buffer, draws, files, stopped)
                streams.append(islice(images, int(before[n]), None))  # given out before
            parts = files.enter_context(closing(prefetch(self._parts(streams, lengths, first))))
            files.callback(stopped.set)  # called first
            yield from map(self._on_device, parts)

    def _parts(
        self, streams: Sequence[Iterator[Image]], lengths: Sequence[int], first: int
    ) -> Iterator[BatchPart]:
        for start, stop in pairwise(self._starts[first:]):
            counts = drawn_from(lengths, stop) - drawn_from(lengths, start)
            taken = zip(streams, counts[self._mine].tolist(), strict=True)
            images = [image for stream, count in taken for image in islice(stream, count)]
            pixels = np.array([image.pixels for image in images], dtype=np.uint8)
            pixels = pixels.reshape(len(images), *self._stream.shape)  # also of none
            labels = torch.tensor([image.label for image in images], dtype=torch.int64)
            place = int(counts[: self._mine.start].sum())
            yield BatchPart(torch.from_numpy(pixels), labels, place, stop - start)


def deal(shards: int, streams: int, seed: int) -> list[list[int]]:
    """Shuffle the shards and deal them out, one to each stream in turn."""
    order = torch.randperm(shards, generator=generator(seed, Purpose.ORDER)).tolist()
    return [order[stream::streams] for stream in range(streams)]


def drawn_from(lengths: Sequence[int], count: int) -> Int64[np.ndarray, " streams"]:
    """How many of the first `count` images of an epoch come from each stream.

    Image j of a stream of n comes at (j + 1/2) / n of the epoch, so that all streams end together
    and each has its share of every batch, within one image.
    """
    sizes = np.array(lengths, dtype=np.int64)
    total = int(sizes.sum())
    taken = (2 * sizes * count + total) // (2 * total)
    while (missing := count - int(taken.sum())) > 0:
        taken[np.argmin((2 * taken + 1) / sizes)] += 1
    for _ in range(-missing):
        # of equal times, that of the last stream is the last
        latest = np.argmax(((2 * taken - 1) / sizes)[::-1])
        taken[len(sizes) - 1 - latest] -= 1
    return taken
