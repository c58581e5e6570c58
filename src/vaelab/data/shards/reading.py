"""One stream of an epoch: its shards read in sequence, its images given out mixed."""

from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from io import BufferedRandom, BufferedReader
from itertools import pairwise
from threading import Event

import numpy as np
from jaxtyping import Bool, Int64

from vaelab.data.shards.stream import Image, ShardStream
from vaelab.errors import UserError


def given_out(
    images: ShardStream,
    shards: Sequence[int],
    order: Int64[np.ndarray, " n"],
    first: int,
    stopped: Event,
) -> Generator[Image]:
    """The images of a stream from number `first` of its order on.

    What has been given out before is passed over unread, and whole shards of it are not opened.

    Args:
        images: the shards of all streams.
        shards: which of them are this stream's, in their order.
        order: the places of the images, as `mixed`.
        first: how many have been given out.
        stopped: set before this is closed, so that no shard is waited for.
    """
    wanted = np.zeros(len(order), dtype=bool)
    wanted[order[first:]] = True
    held: dict[int, Image] = {}
    with closing(_in_sequence(images, shards, wanted, stopped)) as incoming:
        for place in map(int, order[first:]):
            while place not in held:
                at, image = next(incoming)
                held[at] = image
            yield held.pop(place)


def _in_sequence(
    images: ShardStream, shards: Sequence[int], wanted: Bool[np.ndarray, " n"], stopped: Event
) -> Generator[tuple[int, Image]]:
    """The wanted images and their places in the stream."""
    starts = np.cumsum([0, *(images.shards[shard].images for shard in shards)]).tolist()
    parts = [wanted[start:stop] for start, stop in pairwise(starts)]
    used = [number for number, part in enumerate(parts) if part.any()]
    with closing(_opened(images, [shards[number] for number in used], stopped)) as files:
        for number, file in zip(used, files, strict=True):
            for place, image in images.read(shards[number], parts[number], file):
                yield starts[number] + place, image


def _opened(
    images: ShardStream, shards: Sequence[int], stopped: Event
) -> Generator[BufferedReader | BufferedRandom]:
    """Each shard for reading; the next is fetched meanwhile."""
    with ThreadPoolExecutor(1, "fetch") as thread:
        coming = [thread.submit(images.open, shard, stopped) for shard in shards[:1]]
        try:
            for number in range(len(shards)):
                with coming.pop().result() as file:
                    following = shards[number + 1 :][:1]
                    coming += [thread.submit(images.open, shard, stopped) for shard in following]
                    yield file
        finally:
            for left in coming:
                with suppress(UserError):  # it was not to be read
                    left.result().close()
