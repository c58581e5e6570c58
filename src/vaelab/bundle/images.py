"""The test images of a bundle: which they are, and the atlas that shows them."""

from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from math import ceil, sqrt

import numpy as np
import torch
from jaxtyping import Int64
from PIL import Image

from vaelab.data import Store
from vaelab.data.feed import Feed
from vaelab.data.pixels import Pixels
from vaelab.data.store import Split

SIDE = 4096
"""Of the atlas, at most."""
LIVE = 1000
"""Images whose codes a live snapshot carries, at most."""
LAST_CLASS = 255


def spread(total: int, count: int) -> Int64[np.ndarray, " count"]:
    """`count` of `total` indices, evenly: floor(j total / count)."""
    return np.arange(count, dtype=np.int64) * total // max(1, count)


@dataclass(frozen=True, eq=False)
class BundleImages:
    """The images whose codes a bundle holds.

    Args:
        store: the data; its test images are taken, or those of the first split that has any.
        pixels: their domain.
        classes: number of classes of a conditional model, else 0.
        device: where they are kept.
    """

    store: Store
    pixels: Pixels
    classes: int
    device: torch.device

    @cached_property
    def name(self) -> str:
        """Name of the split."""
        return next(name for name in ("test", "valid", "train") if len(self.store.splits[name]))

    @property
    def split(self) -> Split:
        """Where they come from."""
        return self.store.splits[self.name]

    @property
    def count(self) -> int:
        """How many: all, or as many as the atlas holds."""
        _, height, width = self.store.image_shape
        return min(len(self.split), max(1, (SIDE // height) * (SIDE // width)))

    @property
    def columns(self) -> int:
        """Of the atlas, about square, within its largest side."""
        _, height, width = self.store.image_shape
        most = max(1, SIDE // width)
        fewest = ceil(self.count / max(1, SIDE // height))
        return min(most, max(fewest, ceil(sqrt(self.count * height / width))))

    @cached_property
    def chosen(self) -> Split:
        """The images themselves."""
        return self.split.select(spread(len(self.split), self.count))

    @cached_property
    def feed(self) -> Feed:
        """All of them, as the model takes them."""
        return Feed(self.chosen, self.pixels, self.classes, self.device)

    @cached_property
    def live(self) -> Feed:
        """Those of a live snapshot."""
        few = spread(self.count, min(LIVE, self.count))
        return Feed(self.chosen.select(few), self.pixels, self.classes, self.device)

    @property
    def labels(self) -> bytes:
        """Their classes as bytes; those beyond the 256th share the last."""
        labels: np.ndarray = np.minimum(self.chosen.labels, LAST_CLASS)
        return labels.astype(np.uint8).tobytes()

    def atlas(self) -> bytes:
        """A PNG of what the model is given, as brightness, row by row."""
        channels, height, width = self.store.image_shape
        rows = ceil(self.count / self.columns)
        cells = np.zeros((rows * self.columns, height, width, channels), dtype=np.uint8)
        start = 0
        for batch in self.feed.batches(1000):
            unit = self.pixels.to_unit(batch.x).permute(0, 2, 3, 1).cpu().numpy()
            cells[start : start + len(unit)] = np.rint(unit * 255)
            start += len(unit)
        grid = cells.reshape(rows, self.columns, height, width, channels).swapaxes(1, 2)
        sheet = grid.reshape(rows * height, self.columns * width, channels)
        image = Image.fromarray(sheet[:, :, 0] if channels == 1 else sheet)
        buffer = BytesIO()
        image.save(buffer, format="PNG", optimize=True)
        return buffer.getvalue()
