"""One stream of an epoch: its shards read in sequence, its images given out mixed."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Int64

from vaelab.data.shards.stream import Image, ShardStream


def given_out(
    images: ShardStream, shards: Sequence[int], order: Int64[np.ndarray, " n"], first: int
) -> Iterator[Image]:
    """The images of a stream from number `first` of its order on.

    What has been given out before is passed over unread, and whole shards of it are not opened.

    Args:
        images: the shards of all streams.
        shards: which of them are this stream's, in their order.
        order: the places of the images, as `mixed`.
        first: how many have been given out.
    """
    wanted = np.zeros(len(order), dtype=bool)
    wanted[order[first:]] = True
    sizes = [images.shards[shard].images for shard in shards]
    ends = np.cumsum(sizes)
    incoming = (
        (int(end) - size + place, image)
        for shard, size, end in zip(shards, sizes, ends, strict=True)
        for place, image in images.read(shard, wanted[end - size : end])
    )
    held: dict[int, Image] = {}
    for place in order[first:].tolist():
        while place not in held:
            at, image = next(incoming)
            held[at] = image
        yield held.pop(place)
