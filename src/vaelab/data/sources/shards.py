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
from vaelab.data.formats.folders import natural
from vaelab.data.formats.pictures import Channels, Damaged
from vaelab.data.formats.untrusted import refuse_pickle
from vaelab.data.pixels import BinaryPixels
from vaelab.data.raw import Raw
from vaelab.data.shards.dataset import (
    ShardSplits,
    class_names,
    common_shape,
    hold_out_last,
    max_kept,
    usable_shards,
)
from vaelab.data.shards.index import INDEX, Index, read_index, read_indices
from vaelab.data.shards.opening import beside, expand, is_remote, redacted
from vaelab.data.shards.stream import Pixels, ShardStream, webdataset
from vaelab.data.source import Source, SplitRole
from vaelab.data.store import ImageSpec, Split, Store
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
    are made of the first 10,000 (at most 256 MiB). A split without shards becomes the last tenth of
    the training images, at most as many as these. Static binarisation draws each image by its
    number.
    """

    advice = "Use it for images that no memory holds, and for training on several processes."
    references = """
        "High performance I/O for large scale deep learning" (Aizman et al., 2019, arXiv
        2001.01858)"""

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
    """Side (or height and width) to scale to, cropped at the centre; null: as they are."""
    channels: Channels = None
    """Number of channels: 1 is grey, 3 is colour; null: grey if every picture is."""
    damaged: Damaged = "fail"
    """Treatment of damaged images and shards: `fail`, or `skip`, which reads all and leaves them
    out."""
    streams: PositiveInt = 8
    """Sequences in which shards are read at once, shared by all processes; at most one a shard."""
    buffer: PositiveInt = 4096
    """Number of images held to be mixed, by all streams together."""

    @field_validator("path", *SPLITS)
    @classmethod
    def _named(cls, place: str | None) -> str | None:
        if place is not None:
            if not place or "\0" in place:
                raise ValueError("this names no shards; leave it out, or give files or an address")
            is_remote(place)
            refuse_pickle(Path(redacted(place)))
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
        first = self.path or str(Path(redacted(expand(self.train or "")[0])).parent)
        return Path(redacted(first) if is_remote(first) else os.path.abspath(first)).name

    def raw(self) -> Raw:
        """The first training images, followed by those for validation; and the test images."""
        return self._kept(self._found())

    def image_spec(self) -> ImageSpec:
        found = self._found()
        return ImageSpec(found.train.shape, len(found.classes))

    def load(self) -> Store:
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

    def _found(self) -> ShardSplits:
        webdataset()
        places, indices = self._places()
        size = (self.size, self.size) if isinstance(self.size, int) else self.size
        shards, entries = usable_shards(places, indices, size, self.damaged)
        classes, labels = class_names(shards, entries, indices.values())
        shape = common_shape(entries, size, self.channels)
        train, valid, test = (
            ShardStream(shards[split], labels, shape, size, self.damaged, self.streams, self.buffer)
            for split in SPLITS
        )
        if not test.shards:
            train, test = hold_out_last(train, min(round(len(train) / 10), max_kept(train)), "test")
        if not valid.shards:
            usual = min(round(len(train) / 10), max_kept(train))
            count = usual if self.validation is None else self.validation
            train, valid = hold_out_last(train, count, "validation")
        elif self.validation is not None:
            raise BadValueError(
                f"data.validation is {self.validation}, but {redacted(places['valid'][0])} and "
                "others are shards of validation images; leave it null"
            )
        return ShardSplits(train, valid, test, classes)

    def _places(self) -> tuple[dict[str, list[str]], Mapping[str, Index]]:
        """The shards of each split, and the indices beside them."""
        if self.path is None:
            patterns = (self.train, self.valid, self.test)
            named = [expand(pattern) if pattern else [] for pattern in patterns]
            return dict(zip(SPLITS, named, strict=True)), read_indices(chain(*named))
        remote = is_remote(self.path)
        folder = self.path if remote else os.path.abspath(os.path.expanduser(self.path))
        if not remote and not os.path.isdir(folder):
            raise MissingFileError(f"there is no folder {folder}; `vaelab data shard` makes one")
        at = beside(f"{folder}/", INDEX)
        index = read_index(at)
        if remote and index is None:
            raise MissingFileError(
                f"{redacted(folder)} has no {INDEX}, which names its shards; name them, e.g. "
                f"`train: {redacted(folder)}/train-{{000..099}}.tar`"
            )
        places = {}
        for split in SPLITS:
            listed = [beside(at, name) for name in index.splits.get(split, ())] if index else []
            there = [] if remote else map(str, Path(folder).glob(f"{split}-*.tar"))
            places[split] = list(dict.fromkeys([*listed, *sorted(there, key=natural)]))
        if not places["train"]:
            raise MissingFileError(
                f"{redacted(folder)} has no shards train-*.tar; `vaelab data shard` makes some"
            )
        return places, {at: index} if index else {}

    def _kept(self, found: ShardSplits) -> Raw:
        """What is kept in memory, through the cache of imports."""
        parts = (found.sample, found.valid, found.test)
        asked = f"{found.identity(*parts)} {self.size} {self.channels}"
        return cached(self.kind, asked, [], lambda _: found.kept())

    def _draw(self) -> Callable[[Pixels, int], Pixels] | None:
        """Static pixels of the training image of a number."""
        if not isinstance(self.pixels, BinaryPixels) or self.pixels.dynamic:
            return None
        seed = derived_seed(self.seed, Purpose.PIXELS, SplitRole.TRAIN)
        return partial(_drawn, self.pixels, seed)


def _drawn(pixels: BinaryPixels, seed: int, image: Pixels, number: int) -> Pixels:
    alone = Split(image[None], np.zeros(1, dtype=np.int64))
    drawn: Pixels = pixels.freeze(alone, derived_seed(seed, Purpose.PIXELS, number)).images[:1][0]
    return drawn
