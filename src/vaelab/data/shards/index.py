"""What shards hold: said by an index beside them, or counted once."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from math import prod
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveInt, ValidationError, model_validator

from vaelab.config import Config
from vaelab.console import visible
from vaelab.data.cache import cache_folder
from vaelab.data.formats.pictures import MAX_PIXELS, Damaged, Size
from vaelab.data.shards.opening import (
    AbsentError,
    UnreachableError,
    beside,
    is_remote,
    open_shard,
    redacted,
    version,
)
from vaelab.data.shards.stream import images
from vaelab.errors import BadValueError, StorageError
from vaelab.files import is_hollow, write_text
from vaelab.yamlfile import quoted

INDEX = "index.json"
"""Name of the index beside the shards."""
MAX_INDEX_BYTES = 2**26
"""Of some hundred thousand shards."""
COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")
"""How gzip, bzip2, xz and zstd begin."""

Name = Annotated[str, Field(max_length=2**10), AfterValidator(visible)]
Words = Annotated[str, AfterValidator(visible), AfterValidator(quoted)]
FileName = Annotated[str, Field(pattern=r"^[^/\\\x00]+\.tar$")]
"""Of a shard: beside its index and nowhere else."""


class Entry(Config):
    """What one shard holds."""

    bytes: int = Field(ge=0, lt=2**63)
    sha256: str = Field(pattern=r"^([0-9a-f]{64})?$")
    """Of the file."""
    samples: int = Field(ge=0, lt=2**40)
    """How many can be used."""
    labels: dict[Name, Annotated[int, Field(ge=1, lt=2**40)]]
    """Samples of each class; the class of those without one is the empty text."""
    shape: tuple[PositiveInt, PositiveInt, PositiveInt] | None
    """Channels (3 if any picture has colour), height and width; null: there is no sample."""
    damaged: tuple[Words, ...] = ()
    """What is left out, and why."""

    @model_validator(mode="after")
    def _can_be(self) -> "Entry":
        if self.samples * 512 > self.bytes:  # a header in the archive has as many
            raise ValueError(f"{self.samples} samples in {self.bytes} bytes")
        if self.shape is not None and (self.shape[0] > 3 or prod(self.shape) > 3 * MAX_PIXELS):
            raise ValueError(f"images of shape {self.shape}")
        if sum(self.labels.values()) != self.samples or bool(self.samples) != bool(self.shape):
            raise ValueError(f"{self.samples} samples, labels {sum(self.labels.values())}")
        return self


class Index(Config):
    """What `vaelab data shard` writes beside its shards."""

    format: Literal[1]
    classes: Annotated[tuple[Name, ...], Field(min_length=1, max_length=2**20)]
    """Names of the classes; the labels in the shards are indices into it."""
    splits: dict[str, dict[FileName, Entry]]
    """The shards of train, valid and test by file name, in their order."""


def read_index(place: str) -> Index | None:
    """The index at a place, if there is one."""
    try:
        with open_shard(place) as file:
            content = file.read(MAX_INDEX_BYTES + 1)
    except AbsentError:
        return None
    try:
        if len(content) > MAX_INDEX_BYTES:
            raise ValueError("too long")
        return Index.model_validate_json(content)
    except ValueError as error:
        raise BadValueError(
            f"{redacted(place)}: this is no index of shards, or it is damaged; remove it, and the "
            "shards are read to find out what they hold"
        ) from error


def read_indices(shards: Iterable[str]) -> Mapping[str, Index]:
    """The indices of all folders that these shards lie in, by their own places."""
    places = dict.fromkeys(beside(shard, INDEX) for shard in shards)
    found = {place: index for place in places if (index := read_index(place)) is not None}
    first = next(iter(found), "")
    for place, index in found.items():
        if index.classes != found[first].classes:
            raise BadValueError(
                f"{redacted(first)} and {redacted(place)} number the classes differently, and the "
                "labels in the shards are such numbers; write the shards again from data with the "
                "same classes"
            )
    return found


def indexed(indices: Mapping[str, Index]) -> dict[str, Entry]:
    """What indices say of the shards beside them that are what they were."""
    return {
        shard: entry
        for place, index in indices.items()
        for split in index.splits.values()
        for name, entry in split.items()
        if is_remote(shard := beside(place, name))
        or version(shard).split(" ")[0] == str(entry.bytes)
    }


def counted(place: str, size: Size, damaged: Damaged) -> Entry:
    """What a shard holds, from the cache or by reading it, as `images` reads it."""
    now = version(place)
    about = hashlib.sha256(f"{place} {now} {size} {damaged}".encode()).hexdigest()[:32]
    path = cache_folder() / "shards" / f"{about}.json"
    if now:
        with suppress(OSError, ValidationError):
            return Entry.model_validate_json(path.read_text(encoding="utf-8"))
    try:
        entry = _count(place, size, damaged)
    except UnreachableError as error:
        if damaged == "fail":
            more = "put this right, or leave out such shards with data.damaged=skip"
            raise UnreachableError(f"{error}; {more}") from error
        return Entry(bytes=0, sha256="", samples=0, labels={}, shape=None, damaged=(str(error),))
    if now:
        with suppress(StorageError):
            write_text(path, entry.model_dump_json(), parents=True)
    return entry


def _count(place: str, size: Size, damaged: Damaged) -> Entry:
    labels, report = Counter[str](), list[str]()
    shape, first = None, ""
    with open_shard(place) as file:
        if is_hollow(file):
            raise UnreachableError(f"{redacted(place)}: it is not there yet, but for holes")
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
        length = file.tell()
        file.seek(0)
        if file.read(6).startswith(COMPRESSED):
            raise BadValueError(
                f"{redacted(place)}: this tar file is compressed, and only plain ones are read "
                "(pictures are compressed by themselves); unpack it, e.g. with gunzip"
            )
        file.seek(0)
        for key, picture, label in images(file, place, size, None, damaged, report):
            labels[label] += 1
            height, width, channels = picture.shape
            if shape is None:
                shape, first = (channels, height, width), key
            elif (height, width) != shape[1:]:
                raise BadValueError(
                    f"{redacted(place)}: images of different sizes: {first} is {shape[2]}x"
                    f"{shape[1]} but {key} is {width}x{height} (width x height); set data.size, "
                    "e.g. size: 64, to scale and crop them all"
                )
            shape = max(shape, (channels, height, width))
    return Entry(
        bytes=length, sha256=sha256, samples=labels.total(), labels=dict(labels), shape=shape,
        damaged=tuple(report),
    )  # fmt: skip
