"""What a data set is, on one page: counts, sizes, grey levels, checksum and some of its images."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from vaelab.data.source import Source
from vaelab.data.store import Images, Store, chunks, evenly_spaced

MAX_SAMPLES = 12
"""Of each class."""
_CLASSES_SHOWN, _CLASSES_COUNTED = 20, 1000


@dataclass(frozen=True, eq=False)
class DataCard:
    """The facts about a data set, and samples of it."""

    source: Source
    store: Store

    @property
    def checksum(self) -> str:
        """Of the data and its splits."""
        return self.store.checksum

    @cached_property
    def counts(self) -> dict[str, Int64[np.ndarray, " k"]]:
        """Images of each split and class, by split; of a stream it says how many are counted."""
        store, known = self.store, len(self.store.train)
        names = dict.fromkeys(store.splits, "")
        if known < store.training_images:
            names["train"] = f" (first {known:,} of {store.training_images:,})"
        classes = len(store.classes)
        return {
            f"{split}{more}": np.bincount(store.splits[split].labels, minlength=classes)
            for split, more in names.items()
        }

    @cached_property
    def histogram(self) -> Int64[np.ndarray, "256"]:
        """How often each value 0..255 is in `Store.train`, all channels together."""
        parts = map(self._shades, chunks(self.store.train.images))
        counts = (np.bincount(part.ravel(), minlength=256) for part in parts)
        return sum(counts, np.zeros(256, int))

    @cached_property
    def samples(self) -> tuple[UInt8[np.ndarray, "_ c h w"], ...]:
        """Some training images of each of the first classes."""
        train, samples = self.store.train, []
        for label in range(min(len(self.store.classes), _CLASSES_SHOWN)):
            places = np.flatnonzero(train.labels == label)
            shown = places[evenly_spaced(len(places), min(len(places), MAX_SAMPLES))]
            samples.append(self._shades(train.images[shown]))
        return tuple(samples)

    @property
    def factors(self) -> dict[str, int]:
        """How many values each known factor has in the training images, by name."""
        if (factors := self.store.train.factors) is None:
            return {}
        columns = zip(self.store.factor_names, factors.T, strict=True)
        return {name: len(np.unique(values)) for name, values in columns}

    def table(self) -> Group:
        """The facts as text."""
        title = escape(f"{self.store.name} ({self.source.kind})")
        facts = Table(show_header=False, box=None, title=title)
        for key, value in self._facts().items():
            facts.add_row(key, value)
        counts, classes = Table("class", *self.counts, title="images"), self.store.classes
        for label, name in enumerate(classes[:_CLASSES_COUNTED]):
            counts.add_row(escape(name), *(f"{count[label]:,}" for count in self.counts.values()))
        if len(classes) > _CLASSES_COUNTED:
            counts.add_row(f"and {len(classes) - _CLASSES_COUNTED:,} more")
        counts.add_section()
        counts.add_row("all", *(f"{count.sum():,}" for count in self.counts.values()))
        return Group(facts, counts)

    def _facts(self) -> dict[str, str]:
        channels, height, width = self.store.image_shape
        shares = self.histogram / self.histogram.sum()
        values = np.arange(256)
        mean = float(shares @ values)
        deviation = float(np.sqrt(shares @ (values - mean) ** 2))
        factors = ", ".join(f"{name} {count}" for name, count in self.factors.items())
        return {
            "size": f"{width} x {height} (width x height)",
            "channels": f"{channels} ({'grey' if channels == 1 else 'colour'})",
            "classes": str(len(self.store.classes)),
            **({"factors": factors} if factors else {}),
            "values": f"mean {mean:.1f}, standard deviation {deviation:.1f} of 0..255",
            "": f"{shares[0]:.1%} are 0, {shares[255]:.1%} are 255",
            "checksum": self.checksum,
        }

    def _shades(self, images: Images) -> UInt8[np.ndarray, "n c h w"]:
        """Floats as they are drawn; bytes as they are."""
        if images.dtype == np.uint8:
            return images
        unit = self.source.pixels.to_unit(torch.from_numpy(images))
        return (unit * 255).round().to(torch.uint8).numpy()


def card(config: Source) -> DataCard:
    """Load a source and sum it up."""
    return DataCard(config, config.load())
