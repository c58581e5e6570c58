"""What is known of a shard, and of all of them: the index."""

from math import prod
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveInt, model_validator

from vaelab.config import Config
from vaelab.console import visible
from vaelab.data.pictures import LARGEST
from vaelab.yamlfile import quoted

INDEX = "index.json"
"""Name of the index beside the shards."""

SMALLEST = 512
"""Bytes of a sample: those of its header in the archive."""

Name = Annotated[str, Field(max_length=2**10), AfterValidator(visible)]
Words = Annotated[str, AfterValidator(visible), AfterValidator(quoted)]
FileName = Annotated[str, Field(pattern=r"^[^/\\\x00]+\.tar$")]
"""Of a shard: beside its index and nowhere else."""


class Entry(Config):
    """What one shard holds, found out by reading it once."""

    bytes: int = Field(ge=0, lt=2**63)
    """Of the file."""
    sha256: str = Field(pattern=r"^([0-9a-f]{64})?$")
    """Of the file."""
    samples: int = Field(ge=0, lt=2**40)
    """How many can be told apart, damaged ones included."""
    labels: dict[Name, Annotated[int, Field(ge=1, lt=2**40)]]
    """Good samples of each class; the class of those without one is the empty text."""
    shape: tuple[PositiveInt, PositiveInt, PositiveInt] | None
    """Channels (3 if any picture has colour), height and width of the good ones; null: none is."""
    unlike: Words | None = None
    """Two of them that differ in size, in words."""
    damaged: dict[Annotated[int, Field(ge=0)], Words] = Field(default_factory=dict)
    """Why a sample is left out, by its number from 0."""
    broken: Words | None = None
    """Why the shard cannot be read to its end."""
    keys: tuple[Annotated[str, AfterValidator(visible)], ...] = ()
    """Names of the samples; not told by an index beside the shards, whose samples all differ."""

    @model_validator(mode="after")
    def _can_be(self) -> "Entry":
        if self.samples * SMALLEST > self.bytes and not self.broken:
            raise ValueError(f"{self.samples} samples in {self.bytes} bytes")
        if self.shape is not None and (self.shape[0] > 3 or prod(self.shape) > 3 * LARGEST):
            raise ValueError(f"images of shape {self.shape}")
        if sum(self.labels.values()) != self.good or bool(self.good) != bool(self.shape):
            raise ValueError(f"{self.good} good samples, labels {sum(self.labels.values())}")
        if any(number >= self.samples for number in self.damaged):
            raise ValueError("more damaged samples than there are")
        return self

    @property
    def good(self) -> int:
        """How many samples can be used."""
        return self.samples - len(self.damaged)

    @property
    def without_keys(self) -> "Entry":
        """The same without the names of the samples, which outweigh all else."""
        return self.model_copy(update={"keys": ()})


class Index(Config):
    """What `vaelab data shard` writes beside its shards."""

    format: Literal[1]
    """Of this file."""
    classes: Annotated[tuple[Name, ...], Field(min_length=1, max_length=2**20)]
    """Names of the classes; the labels in the shards are indices into it."""
    splits: dict[str, dict[FileName, Entry]]
    """The shards of train, valid and test by file name, in their order."""

    @property
    def shards(self) -> dict[str, Entry]:
        """All of them."""
        return {name: entry for split in self.splits.values() for name, entry in split.items()}
