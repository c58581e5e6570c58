"""Batches from streams of shards, read ahead."""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice, pairwise
from threading import Event

import numpy as np
import torch

from vaelab.data.batches import Batches, Part, Share
from vaelab.data.feed import resident
from vaelab.data.shards.order import Numbers, deal, given, mixed
from vaelab.data.shards.reading import given_out
from vaelab.data.shards.stream import Image, ShardStream
from vaelab.errors import BadValueError

AHEAD = 3
"""Batches that are read from shards before they are asked for."""

_Asked = tuple[Numbers, list[Future[list[Image]]]]


class ShardBatches(Batches):
    """Images from streams of shards, each read ahead in a thread of its own.

    A batch is what each stream gives next, the first stream's images first. A process reads only
    the streams of its share, so a shard is read by one process in an epoch.

    Args:
        stream: the images.
        size: of a batch.
        device: where to bring them.
        share: this process's.

    Raises:
        BadValueError: there are more processes than streams.
    """

    def __init__(self, stream: ShardStream, size: int, device: torch.device, share: Share) -> None:
        super().__init__(len(stream), size)
        self._stream, self._device = stream, device
        self._streams = min(stream.streams, len(stream.shards))
        if share.world > self._streams:
            raise BadValueError(
                f"{share.world} processes cannot share {self._streams} streams of shards "
                f"(data.streams is {stream.streams}, and there are {len(stream.shards)} training "
                "shards); use fewer processes, or more streams and shards"
            )
        self._mine = share.of(self._streams)

    def epoch(self, seed: int, epoch: int, first: int = 0) -> Generator[Part]:
        """Parts of the batches."""
        dealt = deal(len(self._stream.shards), self._streams, seed, epoch)
        sizes = [shard.images for shard in self._stream.shards]
        lengths = [sum(sizes[shard] for shard in shards) for shards in dealt]
        begun = given(lengths, self._starts[first])
        buffer = max(1, self._stream.buffer // self._streams)
        stopped = Event()
        with ExitStack() as reading:
            readers = []
            for stream in range(self._mine.start, self._mine.stop):
                order = mixed(lengths[stream], buffer, stream, seed, epoch)
                images = given_out(self._stream, dealt[stream], order, int(begun[stream]), stopped)
                readers.append(reading.enter_context(_Reader(images)))
            reading.callback(stopped.set)  # called first: no thread is waited for before
            asked = self._ask(readers, lengths, first)
            coming = deque(islice(asked, AHEAD))
            while coming:
                yield self._part(*coming.popleft())
                coming.extend(islice(asked, 1))

    def _ask(
        self, readers: Sequence["_Reader"], lengths: Sequence[int], first: int
    ) -> Iterator[_Asked]:
        for start, stop in pairwise(self._starts[first:]):
            counts = given(lengths, stop) - given(lengths, start)
            mine = counts[self._mine].tolist()
            yield counts, [reader.ask(n) for reader, n in zip(readers, mine, strict=True)]

    def _part(self, counts: Numbers, pieces: Sequence[Future[list[Image]]]) -> Part:
        images = [image for piece in pieces for image in piece.result()]
        pixels = np.empty((len(images), *self._stream.shape), dtype=np.uint8)
        for place, image in enumerate(images):
            pixels[place] = image.pixels
        labels = np.array([image.label for image in images], dtype=np.int64)
        before = int(counts[: self._mine.start].sum())
        return Part(
            resident(pixels, self._device), resident(labels, self._device),
            before, int(counts.sum()),
        )  # fmt: skip


class _Reader:
    """Reads the images of a stream in a thread, some at a time, in the order they are asked for."""

    def __init__(self, images: Generator[Image]) -> None:
        self._images = images
        self._thread = ThreadPoolExecutor(1, "shards")

    def ask(self, count: int) -> Future[list[Image]]:
        """The next `count` images."""
        return self._thread.submit(lambda: list(islice(self._images, count)))

    def __enter__(self) -> "_Reader":
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.shutdown(cancel_futures=True)
        self._images.close()
