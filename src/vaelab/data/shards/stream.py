"""Images that stay in their shards and are read from them in sequence, opened without trust.

Members are read into memory and nothing is ever unpacked to disk, so that paths, links and devices
in the archive can do no harm; only pictures and classes are read, and never a pickle.
"""

import io
import random
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import groupby, islice
from operator import itemgetter
from threading import Event
from types import ModuleType
from typing import BinaryIO, Literal, NamedTuple

import numpy as np
from jaxtyping import UInt8

from vaelab.console import visible
from vaelab.data.formats.pictures import (
    Channels,
    Damaged,
    Picture,
    Size,
    UnreadablePictureError,
    decode_picture,
)
from vaelab.data.prefetch import prefetch
from vaelab.data.shards.opening import open_shard, redacted
from vaelab.errors import BadValueError, MissingFileError
from vaelab.randomness import Purpose, derived_seed

PICTURES = frozenset({"png", "jpg", "jpeg", "webp", "bmp"})
"""Endings of what is read as a picture."""
LABEL = "cls"
"""Ending of what is read as the class."""
MAX_BYTES = 2**28
"""Bytes of a picture's file."""
MAX_LABEL_BYTES = 2**10

Pixels = UInt8[np.ndarray, "c h w"]
Found = tuple[str, Picture, str]
"""The key of an image of a shard, the image, and its class as it is written there, or nothing."""


class DamageError(BadValueError):
    """A sample or a shard that cannot be used; the text goes on from the name of the shard."""


@dataclass(frozen=True, eq=False)
class Shard:
    """A shard (file or address), or some neighbouring images of it, damaged ones not counted."""

    place: str
    sha256: str
    first: int
    images: int


class Image(NamedTuple):
    """A decoded image."""

    pixels: Pixels
    label: int


@dataclass(frozen=True, eq=False)
class ShardStream:
    """Images in shards; their order is that of the shards and within each that of its samples.

    An epoch deals the shards to so many streams at most, and all of them together hold a buffer of
    images to be shuffled; `draw` draws the pixels of the image of a number, if that is done once.
    """

    shards: tuple[Shard, ...]
    labels: Mapping[str, int]
    shape: tuple[int, int, int]
    size: Size
    damaged: Damaged
    streams: int
    buffer: int
    draw: Callable[[Pixels, int], Pixels] | None = None

    def __len__(self) -> int:
        return sum(shard.images for shard in self.shards)

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

    def shuffled(
        self, shards: Sequence[int], buffer: int, seed: int, stack: ExitStack, stopped: Event
    ) -> Iterator[Image]:
        """The images of some shards, one after the other through webdataset's shuffling buffer.

        Each shard is opened while the one before it is read. `stack` closes them; `stopped` is set
        before, so that none is waited for.
        """
        wanted = [self.shards[number] for number in shards]
        files = prefetch(
            (stack.enter_context(open_shard(s.place, s.sha256, stopped)) for s in wanted), 1
        )
        stack.callback(files.close)
        draws = random.Random(derived_seed(seed, Purpose.ORDER))
        shuffle = webdataset().shuffle(buffer, initial=buffer, rng=draws)
        every: Iterator[Image] = shuffle(
            image
            for number, file in zip(shards, files, strict=True)
            for image in self.read(number, file)
        )
        return every

    def read(self, index: int, file: BinaryIO | None = None) -> Iterator[Image]:
        """The images of a shard in sequence."""
        shard, count = self.shards[index], 0
        number = sum(before.images for before in self.shards[:index])
        where = redacted(shard.place)
        channels: Literal[1, 3] = 1 if self.shape[0] == 1 else 3
        with file or open_shard(shard.place, shard.sha256) as opened:
            found = images(opened, shard.place, self.size, channels, self.damaged, [])
            for key, picture, label in islice(found, shard.first, shard.first + shard.images):
                if picture.shape[:2] != self.shape[1:] or label not in self.labels:
                    raise BadValueError(
                        f"{where}, sample {key}: it was another image when the shard was first read"
                    )
                pixels = np.ascontiguousarray(picture.transpose(2, 0, 1))
                if self.draw is not None:
                    pixels = self.draw(pixels, number + count)
                count += 1
                yield Image(pixels, self.labels[label])
        if count < shard.images:
            raise BadValueError(
                f"{where}: there are {count} images where {shard.images} were; the shard has "
                "changed under the hands of whoever reads it"
            )


def webdataset() -> ModuleType:
    """The package, which is an extra."""
    try:
        return import_module("webdataset")
    except ModuleNotFoundError as error:
        raise MissingFileError(
            "data of kind `shards` needs the package webdataset, which is not installed; "
            "`pip install 'vaelab[shards]'` installs it"
        ) from error


def images(
    file: BinaryIO, place: str, size: Size, channels: Channels, damaged: Damaged, report: list[str]
) -> Iterator[Found]:
    """The images of a shard in sequence.

    Where damage is no error, what is left out is added to `report`; behind a break in the archive
    nothing is read, nor the sample before it, of which files may be lost.
    """
    samples = groupby(_members(file), itemgetter(0))
    while True:
        try:
            key, members = next(samples)
            files = [(ending, content) for _, ending, content in members]
            found = _decoded(visible(key), files, size, channels)
        except StopIteration:
            return
        except DamageError as error:
            what = f"{redacted(place)}{error}"
            if damaged == "fail":
                advice = "copy the shard again, or leave out what is damaged with data.damaged=skip"
                raise BadValueError(f"{what}; {advice}") from error
            report.append(what)
        else:
            yield found


def _members(file: BinaryIO) -> Iterator[tuple[str, str, bytes]]:
    """Of each file the key of its sample, its ending, and its content if that is of use.

    webdataset's `tar_file_iterator` reads a member before anybody sees its size, and a sparse one
    of some bytes may claim to be of a terabyte; and where a header makes no sense, it stops as at
    the end.
    """
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            while (member := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # it would keep every one
                folder, slash, name = member.name.removeprefix("./").rpartition("/")
                stem, _, ending = name.partition(".")
                wanted = ending.lower() in PICTURES | {LABEL}
                if member.size < 0 or (wanted and (member.size > MAX_BYTES or member.issparse())):
                    raise ValueError(f"{member.name} has {member.size:,} bytes")
                if stem and ending and member.isreg():
                    stored = archive.extractfile(member) if wanted else None
                    content = stored.read() if stored else b""
                    yield f"{folder}{slash}{stem}", ending.lower(), content
            file.seek(archive.offset)
            if file.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
                raise ValueError("it breaks off before its end mark")
    except Exception as error:  # tarfile raises anything on damaged headers
        reason = visible(str(error)) or type(error).__name__
        raise DamageError(f": this is no whole tar file ({reason})") from error


def _decoded(key: str, files: Sequence[tuple[str, bytes]], size: Size, channels: Channels) -> Found:
    content = dict(files)
    pictures = [ending for ending in content if ending in PICTURES]
    where = f", sample {key}: "
    for ending in (*pictures, LABEL):
        if [other for other, _ in files].count(ending) > 1:
            raise DamageError(f"{where}several files .{ending}")
    if len(pictures) != 1:
        many = "there are several pictures" if pictures else "there is no picture"
        raise DamageError(f"{where}{many}; its files are {visible(', '.join(content))}")
    try:
        picture = decode_picture(io.BytesIO(content[pictures[0]]), key, size, channels)
    except UnreadablePictureError as error:
        raise DamageError(where + error.reason) from error
    if LABEL not in content:
        return key, picture, ""
    try:
        label = content[LABEL][: MAX_LABEL_BYTES + 1].decode().strip()
    except UnicodeDecodeError as error:
        raise DamageError(f"{where}.{LABEL} is no text in UTF-8") from error
    if not 0 < len(label) <= MAX_LABEL_BYTES or not label.isprintable():
        raise DamageError(f"{where}.{LABEL} is empty, or no short line of text")
    return key, picture, str(int(label)) if label.isascii() and label.isdigit() else label
