"""Reading a shard once to learn what it holds, and keeping that for next time."""

import hashlib
import io
import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

from pydantic import ValidationError

from vaelab.data.cache import cache_folder
from vaelab.data.pictures import UnreadablePictureError, decode_picture
from vaelab.data.progress import in_threads
from vaelab.data.shards.entry import Entry
from vaelab.data.shards.opening import opened, state
from vaelab.data.shards.places import UnreachableError, shown
from vaelab.data.shards.samples import BadSampleError, BrokenShardError, Packed, packed
from vaelab.errors import BadValueError, StorageError
from vaelab.files import is_hollow, write_text

COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")
"""How gzip, bzip2, xz and zstd begin."""


def scan(places: Sequence[str]) -> list[Entry]:
    """What each shard holds; every picture is decoded, so that no damage is left to be found.

    Args:
        places: the shards; those that cannot be had count as broken.

    Raises:
        BadValueError: one is compressed.
        StorageError: the disk of temporary files is full.
    """
    unkept: list[Path] = []
    title = f"reading {len(places)} shards to find out what they hold"
    entries = in_threads(partial(_entry, unkept=unkept), places, title)
    if unkept:
        _tell_once(unkept[0])
    return entries


def _entry(place: str, unkept: list[Path]) -> Entry:
    """From the cache, else from the shard; it is kept there, or its folder is added to `unkept`."""
    now = state(place)
    about = hashlib.sha256(now.encode()).hexdigest()[:32]
    kept = cache_folder() / "shards" / f"{about}.json"
    if now:
        with suppress(OSError, ValidationError):
            return Entry.model_validate_json(kept.read_text(encoding="utf-8"))
    try:
        entry = _read(place)
    except UnreachableError as error:
        return Entry(bytes=0, sha256="", samples=0, labels={}, shape=None, broken=error.reason)
    if now:
        try:
            write_text(kept, entry.model_dump_json(), parents=True)
        except StorageError:
            unkept.append(kept.parent)
    return entry


@cache
def _tell_once(folder: Path) -> None:
    logging.getLogger("vaelab").warning(
        "what shards hold could not be kept in %s, so they are read again at every start", folder
    )


def _read(place: str) -> Entry:
    labels: Counter[str] = Counter()
    keys: list[str] = []
    damaged: dict[int, str] = {}
    sizes: dict[tuple[int, int], str] = {}
    channels, broken = 1, None
    with opened(place) as file:
        if is_hollow(file):
            raise UnreachableError(place, "it is not there yet, but for holes")
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
        file.seek(0)
        if file.read(6).startswith(COMPRESSED):
            raise BadValueError(
                f"{shown(place)}: this tar file is compressed, and only plain ones are read "
                "(pictures are compressed by themselves); unpack it, e.g. with gunzip"
            )
        file.seek(0)
        try:
            for number, sample in enumerate(packed(file)):
                keys.append(sample.key)
                try:
                    label, shape = _look(sample)
                except BadSampleError as error:
                    damaged[number] = f"{sample.key}: {error}"
                    continue
                labels[label] += 1
                channels = max(channels, shape[2])
                if len(sizes) < 2:
                    sizes.setdefault(shape[:2], sample.key)
        except BrokenShardError as error:
            broken = str(error)
    unlike = [f"{key} is {width}x{height}" for (height, width), key in sizes.items()]
    return Entry(
        bytes=size,
        sha256=sha256,
        samples=len(keys),
        labels=dict(labels),
        shape=(channels, *next(iter(sizes))) if sizes else None,
        unlike=" but ".join(unlike) if len(sizes) > 1 else None,
        damaged=damaged,
        broken=broken,
        keys=tuple(keys),
    )


def _look(sample: Packed) -> tuple[str, tuple[int, int, int]]:
    """The label of a sample, and height, width and channels of its picture."""
    picture = sample.picture()
    try:
        height, width, channels = decode_picture(io.BytesIO(picture), sample.key).shape
    except UnreadablePictureError as error:
        raise BadSampleError(error.reason) from error
    return sample.label(), (height, width, channels)
