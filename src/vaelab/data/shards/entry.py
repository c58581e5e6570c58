"""What is known of a shard, and of all of them: the index."""

from typing import Annotated, Literal

from pydantic import Field

from vaelab.config import Config

INDEX = "index.json"
"""Name of the index beside the shards."""

FileName = Annotated[str, Field(pattern=r"^[^/\\\x00]+\.tar$")]
"""Of a shard: beside its index and nowhere else."""


class Entry(Config):
    """What one shard holds, found out by reading it once."""

    bytes: int
    """Of the file."""
    sha256: str
    """Of the file."""
    samples: int = Field(ge=0)
    """How many can be told apart, damaged ones included."""
    labels: dict[str, int]
    """Good samples of each class; the class of those without one is the empty text."""
    shape: tuple[int, int, int] | None
    """Channels (3 if any picture has colour), height and width of the good ones; null: none is."""
    unlike: str | None = None
    """Two of them that differ in size, in words."""
    damaged: dict[int, str] = Field(default_factory=dict)
    """Why a sample is left out, by its number from 0."""
    broken: str | None = None
    """Why the shard cannot be read to its end."""
    keys: tuple[str, ...] = ()
    """Names of the samples; not told by an index beside the shards, whose samples all differ."""

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
    classes: tuple[str, ...]
    """Names of the classes; the labels in the shards are indices into it."""
    splits: dict[str, dict[FileName, Entry]]
    """The shards of train, valid and test by file name, in their order."""

    @property
    def shards(self) -> dict[str, Entry]:
        """All of them."""
        return {name: entry for split in self.splits.values() for name, entry in split.items()}
