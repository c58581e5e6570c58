"""What a data set is, on one page: counts, sizes, grey levels, checksum and some of its images."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8
from matplotlib.figure import Figure
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from vaelab.console import Console
from vaelab.data.mapped import MappedImages
from vaelab.data.source import Source
from vaelab.data.store import Images, Store, chunks
from vaelab.files import write_bytes

_CLASSES_SHOWN, _CLASSES_COUNTED = 20, 1000
_SAMPLES_SHOWN = 12


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

    def draw(self) -> Figure:
        """Samples of each class, one class a row, over the histogram of values."""
        rows = len(self.samples)
        _, height, width = self.image_shape
        heights = [7.2 / _SAMPLES_SHOWN * height / width] * rows + [2.0]  # inches
        figure = Figure(figsize=(8, sum(heights) + 1), layout="constrained")
        shown = "" if rows == len(self.classes) else f" (the first {rows} classes)"
        figure.suptitle(f"{self.name}: training images of each class{shown}")
        axes = figure.subplots(rows + 1, 1, squeeze=False, height_ratios=heights)[:, 0]
        for axis, images, name in zip(axes, self.samples, self.classes, strict=False):
            axis.imshow(_strip(images), cmap="gray", vmin=0, vmax=255)
            axis.set_ylabel(name, rotation=0, ha="right", va="center")
            axis.set(xticks=[], yticks=[], frame_on=False)
        axis = axes[-1]
        axis.stairs(self.histogram / self.histogram.sum(), np.arange(257), fill=True)
        axis.set(xlabel="pixel value", ylabel="share of pixels", yscale="log", xlim=(0, 256))
        axis.set_title("how often each value occurs")
        return figure


def card(config: Source) -> DataCard:
    """Load a source and sum it up.

    Raises:
        UserError: as `Source.load`.
    """
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
        histogram=_histogram(store.train.images),
        samples=_samples(store),
        checksum=store.checksum,
        factors=_factors(store),
    )


def _called(split: str, store: Store) -> str:
    """The split, and how much of it is looked at where that is not all."""
    known, every = len(store.train), store.training_images
    return (
        f"{split} (first {known:,} of {every:,})" if split == "train" and known < every else split
    )


def show(source: Source, picture: Path, console: Console) -> None:
    """Print the data card and write its picture.

    Args:
        source: what to show.
        picture: the PNG file to write, whole.
        console: where the text goes.

    Raises:
        UserError: as `Source.load`; or the picture cannot be written.
    """
    facts = card(source)
    console.print(facts.table())
    drawn = io.BytesIO()
    facts.draw().savefig(drawn, format="png", dpi=150)
    write_bytes(picture, drawn.getvalue())
    console.say(f"picture: {picture}")


def _histogram(images: Images | MappedImages) -> Int64[np.ndarray, "256"]:
    counts = (np.bincount(part.ravel(), minlength=256) for part in chunks(images))
    return sum(counts, np.zeros(256, int))


def _factors(store: Store) -> dict[str, int]:
    if store.train.factors is None:
        return {}
    columns = zip(store.factor_names, store.train.factors.T, strict=True)
    return {name: len(np.unique(values)) for name, values in columns}


def _samples(store: Store) -> tuple[UInt8[np.ndarray, "_ c h w"], ...]:
    first = range(min(len(store.classes), _CLASSES_SHOWN))
    places = (np.flatnonzero(store.train.labels == label) for label in first)
    return tuple(store.train.images[_spread(place)] for place in places)


def _spread(places: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " m"]:
    """As many as are shown, evenly spread, the first among them."""
    count = min(len(places), _SAMPLES_SHOWN)
    return places[np.arange(count) * len(places) // max(1, count)]


def _strip(images: UInt8[np.ndarray, "m c h w"]) -> UInt8[np.ndarray, "..."]:
    """Images side by side, filled up with white to a fixed number: `(h, w)` or `(h, w, 3)`."""
    missing = _SAMPLES_SHOWN - len(images)
    padded = np.pad(images, ((0, missing), (0, 0), (0, 0), (0, 0)), constant_values=255)
    gap = np.pad(padded, ((0, 0), (0, 0), (0, 0), (0, 1)), constant_values=255)
    row = gap.transpose(2, 0, 3, 1).reshape(images.shape[2], -1, images.shape[1])
    return row[:, :, 0] if images.shape[1] == 1 else row
