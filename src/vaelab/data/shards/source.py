"""Data in WebDataset shards."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import PositiveInt, field_validator, model_validator

from vaelab.data.cache import cached
from vaelab.data.folders import natural
from vaelab.data.pickles import refuse_pickle
from vaelab.data.pixels import BinaryPixels
from vaelab.data.raw import Raw
from vaelab.data.shards.catalogue import Damaged, catalogue
from vaelab.data.shards.entry import INDEX
from vaelab.data.shards.indices import Indices, read_index, read_indices
from vaelab.data.shards.kept import Found, few, held_out, read
from vaelab.data.shards.patterns import expand
from vaelab.data.shards.places import beside, file_name, inside, is_remote, shown
from vaelab.data.shards.stream import Pixels, ShardStream
from vaelab.data.source import Part, Source
from vaelab.data.store import Outline, Split, Store
from vaelab.errors import BadValueError, MissingFileError
from vaelab.randomness import Purpose, derived_seed

SPLITS = ("train", "valid", "test")


class ShardsData(Source):
    """WebDataset shards: tar files of pictures and classes, on disks or servers, of any size.

    The files of one sample share their name up to the first dot, `000123.png` (`.jpg`, `.webp`,
    `.bmp`) and `000123.cls` with the class, a number or a word. `path` is a folder as `vaelab data
    shard` writes it; `train`, `valid` and `test` are patterns of files or addresses, such as
    `https://host/train-{000..099}.tar`. Training reads the shards in sequence, each epoch in
    another order, and mixes the images of several; the figures and measurements of training images
    are made of the first 10,000 (at most 256 MiB). A split without shards becomes the last tenth
    of the training images, at most as many as these. Static binarisation draws each image by its
    number. Use it for images that no memory holds, and for training on several processes.

    "High performance I/O for large scale deep learning" (Aizman et al., 2019, arXiv 2001.01858).
    """

    example: ClassVar[Mapping[str, Any]] = {"path": "my_shards"}

    kind: Literal["shards"] = "shards"
    path: str | None = None
    """Folder of train-*.tar, valid-*.tar and test-*.tar, or its address; or give train."""
    train: str | None = None
    """Training shards, in place of path: a folder, a file, `*` or `{000..099}` in its name."""
    valid: str | None = None
    """Validation shards beside train; null: validation images are held out of train."""
    test: str | None = None
    """Test shards beside train; null: the last tenth of train, at most 10,000, is held out."""
    size: PositiveInt | tuple[PositiveInt, PositiveInt] | None = None
    """Scale to this side (or height and width) and crop at the centre; null: as they are."""
    channels: Literal[1, 3] | None = None
    """1 is grey, 3 is colour; null: grey if every picture is."""
    damaged: Damaged = "fail"
    """Damaged images and shards `fail`, or `skip`: all are read once, and those are left out."""
    streams: PositiveInt = 8
    """Sequences in which shards are read at once, shared by all processes; at most one a shard."""
    buffer: PositiveInt = 4096
    """Images held to be mixed, by all streams together."""

    @field_validator("path", *SPLITS)
    @classmethod
    def _named(cls, place: str | None) -> str | None:
        if place is not None:
            if not place or "\0" in place:
                raise ValueError("this names no shards; leave it out, or give files or an address")
            refuse_pickle(Path(shown(place)))
        return place

    @model_validator(mode="after")
    def _one_place(self) -> "ShardsData":
        if (self.path is None) == (self.train is None):
            raise ValueError("data of kind `shards` needs either `path` or `train`, and not both")
        if self.train is None and (self.valid or self.test):
            raise ValueError("`valid` and `test` stand beside `train`; `path` finds its own")
        return self

    @property
    def name(self) -> str:
        """What the figures call the data."""
        if self.path is not None:
            return file_name(self.path if is_remote(self.path) else os.path.abspath(self.path))
        return Path(shown(expand(self.train or "")[0])).parent.name or self.kind

    def raw(self) -> Raw:
        """The first training images, followed by those for validation; and the test images."""
        return self._kept(self._found())

    def outline(self) -> Outline:
        """Shape and classes of the images."""
        found = self._found()
        return Outline(found.train.shape, len(found.classes))

    def load(self) -> Store:
        """Find out what the shards hold, and read what is kept in memory.

        Raises:
            UserError: shards that are missing, damaged or do not go together.
        """
        found = self._found()
        raw, count = self._kept(found), len(found.sample)
        sample = raw.train.select(np.arange(count))
        held = raw.train.select(np.arange(count, len(raw.train)))
        _, valid, test = self._binarised((sample.select(np.arange(0)), held, raw.test))
        stream = replace(found.train, draw=self._draw())
        if stream.draw is not None:
            drawn = [stream.draw(image, number) for number, image in enumerate(sample.images[:])]
            sample = replace(sample, images=np.stack(drawn))
        whole = found.identity(found.train, found.valid, found.test)
        return Store(self.name, sample, valid, test, found.classes, whole, stream=stream)

    def _found(self) -> Found:
        places, indices = self._places()
        known = catalogue(places, indices, self.damaged)
        size = (self.size, self.size) if isinstance(self.size, int) else self.size
        shape = known.shape(size, self.channels)
        train, valid, test = (
            ShardStream(known.splits[split], known.labels, shape, size, self.streams, self.buffer)
            for split in SPLITS
        )
        if not test.shards:
            train, test = held_out(train, min(round(len(train) / 10), few(train)), "test")
        if not valid.shards:
            usual = min(round(len(train) / 10), few(train))
            count = usual if self.validation is None else self.validation
            train, valid = held_out(train, count, "validation")
        elif self.validation is not None:
            raise BadValueError(
                f"data.validation is {self.validation}, but {shown(places['valid'][0])} and others "
                "are shards of validation images; leave it null"
            )
        return Found(train, valid, test, known.classes)

    def _places(self) -> tuple[dict[str, list[str]], Indices]:
        """The shards of each split, and the indices beside them."""
        if self.path is None:
            patterns = (self.train, self.valid, self.test)
            places = [expand(pattern) if pattern else [] for pattern in patterns]
            return dict(zip(SPLITS, places, strict=True)), read_indices(chain(*places))
        folder = (
            self.path if is_remote(self.path) else os.path.abspath(os.path.expanduser(self.path))
        )
        at = inside(folder, INDEX)
        index = read_index(at)
        if index is None and is_remote(folder):
            raise MissingFileError(
                f"{shown(folder)} has no {INDEX}, which tells its shards; name them, e.g. "
                f"`train: {shown(folder)}/train-{{000..099}}.tar`"
            )
        named = {split: list(index.splits.get(split, ())) if index else [] for split in SPLITS}
        if not is_remote(folder):
            if not os.path.isdir(folder):
                raise MissingFileError(
                    f"there is no folder {folder}; `vaelab data shard` makes one"
                )
            for split, names in named.items():
                there = sorted((p.name for p in Path(folder).glob(f"{split}-*.tar")), key=natural)
                names += [name for name in there if name not in names]
        if not named["train"]:
            raise MissingFileError(
                f"{folder} has no shards train-*.tar; `vaelab data shard` makes some"
            )
        return {split: [beside(at, name) for name in names] for split, names in named.items()}, (
            {} if index is None else {at: index}
        )

    def _kept(self, found: Found) -> Raw:
        """What is kept in memory, through the cache of imports."""
        parts = (found.sample, found.valid, found.test)
        asked = f"{found.identity(*parts)} {self.size} {self.channels}"
        return cached(self.kind, asked, [], lambda _: read(parts, found.classes))

    def _draw(self) -> Callable[[Pixels, int], Pixels] | None:
        """Static pixels of the training image of a number."""
        if not isinstance(self.pixels, BinaryPixels) or self.pixels.dynamic:
            return None
        seed = derived_seed(self.seed, Purpose.PIXELS, Part.TRAIN)
        return partial(_drawn, self.pixels, seed)


def _drawn(pixels: BinaryPixels, seed: int, image: Pixels, number: int) -> Pixels:
    alone = Split(image[None], np.zeros(1, dtype=np.int64))
    drawn: Pixels = pixels.freeze(alone, derived_seed(seed, Purpose.PIXELS, number)).images[:1][0]
    return drawn
