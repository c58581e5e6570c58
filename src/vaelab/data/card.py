"""What a data set is, on one page: counts, sizes, grey levels, checksum and some of its images."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from vaelab.data.mapped import MappedImages
from vaelab.data.pixels import Pixels
from vaelab.data.source import Source
from vaelab.data.store import Images, Store, chunks, evenly_spaced

MAX_SAMPLES = 12
"""Of each class."""
_CLASSES_SHOWN, _CLASSES_COUNTED = 20, 1000


@dataclass(frozen=True, eq=False)
class DataCard:
    """The facts about a data set, and samples of it.

    Attributes:
        name: of the data.
        kind: of the source.
        image_shape: channels, height, width.
        classes: names of the classes.
        counts: images of each split and class `(k)`, by split; the name of one that is a stream
            says how many of its images are counted.
        histogram: how often each value 0..255 occurs in the training images, or those first ones
            of a stream that `Store.train` has; all channels together.
        samples: some training images of each of the first classes, each `(m, c, h, w)`.
        checksum: of the data and its splits, as `Store.checksum`.
        factors: how many values each known factor has in the training images, by name.
    """

    name: str
    kind: str
    image_shape: tuple[int, int, int]
    classes: tuple[str, ...]
    counts: dict[str, Int64[np.ndarray, " k"]]
    histogram: Int64[np.ndarray, "256"]
    samples: tuple[UInt8[np.ndarray, "_ c h w"], ...]
    checksum: str
    factors: dict[str, int]

    def table(self) -> Group:
        """The facts as text."""
        facts = Table(show_header=False, box=None, title=escape(f"{self.name} ({self.kind})"))
        for key, value in self._facts().items():
            facts.add_row(key, value)
        counts = Table("class", *self.counts, title="images")
        for label, name in enumerate(self.classes[:_CLASSES_COUNTED]):
            counts.add_row(escape(name), *(f"{count[label]:,}" for count in self.counts.values()))
        if len(self.classes) > _CLASSES_COUNTED:
            counts.add_row(f"and {len(self.classes) - _CLASSES_COUNTED:,} more")
        counts.add_section()
        counts.add_row("all", *(f"{count.sum():,}" for count in self.counts.values()))
        return Group(facts, counts)

    def _facts(self) -> dict[str, str]:
        channels, height, width = self.image_shape
        shares = self.histogram / self.histogram.sum()
        values = np.arange(256)
        mean = float(shares @ values)
        deviation = float(np.sqrt(shares @ (values - mean) ** 2))
        factors = ", ".join(f"{name} {count}" for name, count in self.factors.items())
        return {
            "size": f"{width} x {height} (width x height)",
            "channels": f"{channels} ({'grey' if channels == 1 else 'colour'})",
            "classes": str(len(self.classes)),
            **({"factors": factors} if factors else {}),
            "values": f"mean {mean:.1f}, standard deviation {deviation:.1f} of 0..255",
            "": f"{shares[0]:.1%} are 0, {shares[255]:.1%} are 255",
            "checksum": self.checksum,
        }


def card(config: Source) -> DataCard:
    """Load a source and sum it up."""
    store = config.load()
    count = len(store.classes)
    return DataCard(
        name=store.name,
        kind=config.kind,
        image_shape=store.image_shape,
        classes=store.classes,
        counts={
            _called(name, store): np.bincount(part.labels, minlength=count)
            for name, part in store.splits.items()
        },
        histogram=_histogram(store.train.images, config.pixels),
        samples=_samples(store, config.pixels),
        checksum=store.checksum,
        factors=_factors(store),
    )


def _called(split: str, store: Store) -> str:
    """The split, and how much of it is looked at where that is not all."""
    known, every = len(store.train), store.training_images
    return (
        f"{split} (first {known:,} of {every:,})" if split == "train" and known < every else split
    )


def _histogram(images: Images | MappedImages, pixels: Pixels) -> Int64[np.ndarray, "256"]:
    parts = (_shades(part, pixels) for part in chunks(images))
    counts = (np.bincount(part.ravel(), minlength=256) for part in parts)
    return sum(counts, np.zeros(256, int))


def _factors(store: Store) -> dict[str, int]:
    if store.train.factors is None:
        return {}
    columns = zip(store.factor_names, store.train.factors.T, strict=True)
    return {name: len(np.unique(values)) for name, values in columns}


def _shades(images: Images, pixels: Pixels) -> UInt8[np.ndarray, "n c h w"]:
    """Floats as they are drawn; bytes as they are."""
    if images.dtype == np.uint8:
        return images
    unit = pixels.to_unit(torch.from_numpy(images))
    return (unit * 255).round().to(torch.uint8).numpy()


def _samples(store: Store, pixels: Pixels) -> tuple[UInt8[np.ndarray, "_ c h w"], ...]:
    samples = []
    for label in range(min(len(store.classes), _CLASSES_SHOWN)):
        places = np.flatnonzero(store.train.labels == label)
        shown = places[evenly_spaced(len(places), min(len(places), MAX_SAMPLES))]
        samples.append(_shades(store.train.images[shown], pixels))
    return tuple(samples)
