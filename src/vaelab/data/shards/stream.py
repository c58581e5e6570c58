"""Images that stay in their shards and are read from them in sequence."""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from io import BufferedRandom, BufferedReader
from itertools import islice
from threading import Event
from typing import IO, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8

from vaelab.data.pictures import UnreadablePictureError, decode_picture
from vaelab.data.shards.entry import Entry
from vaelab.data.shards.opening import opened
from vaelab.data.shards.places import shown
from vaelab.data.shards.samples import BadSampleError, BrokenShardError, Packed, packed
from vaelab.errors import BadValueError

ADVICE = "copy the shard again, or leave out what is damaged with data.damaged=skip"
"""What to do about damage."""

Pixels = UInt8[np.ndarray, "c h w"]


@dataclass(frozen=True, eq=False)
class Shard:
    """A shard, or some neighbouring images of it.

    Attributes:
        place: file or address.
        entry: what it holds.
        first: number of its first image that is used, damaged ones not counted.
        images: how many are used.
    """

    place: str
    entry: Entry
    first: int
    images: int


class Image(NamedTuple):
    """A decoded image."""

    pixels: Pixels
    label: int


@dataclass(frozen=True, eq=False)
class ShardStream:
    """Images in shards; their order is that of the shards and within each that of its samples.

    Attributes:
        shards: at least one image in each.
        labels: the index of each class, by how it is written.
        shape: channels, height and width.
        size: height and width to scale and crop to; None: they have the shape.
        streams: how many sequences an epoch deals the shards to, at most.
        buffer: images held by all of them together, to be mixed.
        draw: pixels drawn once for the image of a number; None leaves them as they are.
    """

    shards: tuple[Shard, ...]
    labels: Mapping[str, int]
    shape: tuple[int, int, int]
    size: tuple[int, int] | None
    streams: int
    buffer: int
    draw: Callable[[Pixels, int], Pixels] | None = None

    def __len__(self) -> int:
        return sum(shard.images for shard in self.shards)

    @property
    def image_bytes(self) -> int:
        """Of one image, decoded."""
        channels, height, width = self.shape
        return channels * height * width

    def between(self, start: int, stop: int) -> "ShardStream":
        """The images of these places."""
        chosen, before = [], 0
        for shard in self.shards:
            low = max(start - before, 0)
            high = min(stop - before, shard.images)
            if low < high:
                chosen.append(replace(shard, first=shard.first + low, images=high - low))
            before += shard.images
        return replace(self, shards=tuple(chosen))

    def open(self, index: int, stopped: Event | None = None) -> BufferedReader | BufferedRandom:
        """A shard for reading; set `stopped` to have it no more.

        Raises:
            UserError: as `opened`.
        """
        shard = self.shards[index]
        return opened(shard.place, shard.entry.sha256, stopped)

    def read(
        self, index: int, wanted: Bool[np.ndarray, " n"], file: IO[bytes]
    ) -> Iterator[tuple[int, Image]]:
        """The wanted images of an open shard and their places in it, in sequence.

        Raises:
            BadValueError: one is damaged, or the shard has fewer images than it had.
        """
        shard, last = self.shards[index], int(np.flatnonzero(wanted)[-1])
        number = sum(before.images for before in self.shards[:index])
        place = -1
        for place, sample in enumerate(islice(_good(shard, file), last + 1)):
            if wanted[place]:
                yield place, self._decoded(shard, sample, number + place)
        if place < last:
            raise BadValueError(
                f"{shown(shard.place)}: there are {place + 1} images where {shard.images} were; "
                "the shard has changed under the hands of whoever reads it"
            )

    def all_of(self, index: int) -> Iterator[Image]:
        """All images of a shard, in sequence.

        Raises:
            UserError: as `open` and `read`.
        """
        every = np.ones(self.shards[index].images, dtype=bool)
        with self.open(index) as file:
            yield from (image for _, image in self.read(index, every, file))

    def _decoded(self, shard: Shard, sample: Packed, number: int) -> Image:
        where = f"{shown(shard.place)}, sample {sample.key}"
        channels: Literal[1, 3] = 1 if self.shape[0] == 1 else 3
        try:
            content, label = sample.picture(), sample.label()
            picture = decode_picture(io.BytesIO(content), where, self.size, channels)
        except BadSampleError as error:
            raise BadValueError(f"{where}: {error}; {ADVICE}") from error
        except UnreadablePictureError as error:
            raise BadValueError(f"{where}: {error.reason}; {ADVICE}") from error
        if picture.shape[:2] != self.shape[1:] or label not in self.labels:
            raise BadValueError(f"{where}: it was another image when the shard was first read")
        pixels = np.ascontiguousarray(picture.transpose(2, 0, 1))
        return Image(pixels if self.draw is None else self.draw(pixels, number), self.labels[label])


def _good(shard: Shard, file: IO[bytes]) -> Iterator[Packed]:
    """The samples of a shard that are used, and those after them."""
    try:
        samples = (
            one for place, one in enumerate(packed(file)) if place not in shard.entry.damaged
        )
        yield from islice(samples, shard.first, None)
    except BrokenShardError as error:
        raise BadValueError(f"{shown(shard.place)}: {error}; {ADVICE}") from error
