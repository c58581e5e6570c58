"""The test images of a bundle: which they are, and the atlas that shows them."""

from dataclasses import dataclass
from functools import cached_property
from math import ceil, sqrt
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from vaelab.bundle.ink import measure_ink
from vaelab.data import Store
from vaelab.data.float_pixels import real_pixels
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.data.pixels import Pixels
from vaelab.data.store import Labels, Split, evenly_spaced
from vaelab.figures.sheet import on_grid, tile
from vaelab.imaging import png

SIDE = 4096
"""Of the atlas, at most."""
MAX_IMAGES = 4000
"""Images whose codes a bundle holds: the plane is full, and each kept step encodes them all."""
LIVE = 1000
"""Images whose codes a live snapshot carries, at most."""
GOLDEN_IMAGES = 4
"""That golden pairs encode."""
MAX_CLASS = 255
MEASURED_IMAGES = 500
"""Training images by which drawings are made, at most."""


@dataclass(frozen=True, eq=False)
class BundleImages:
    """The images whose codes a bundle holds: test images, or those of a split that has any."""

    store: Store
    pixels: Pixels
    classes: int
    device: torch.device

    @cached_property
    def name(self) -> str:
        """Name of the split that they come from."""
        return next(name for name in ("test", "valid", "train") if len(self.store.splits[name]))

    @property
    def split(self) -> Split:
        """Where they come from."""
        return self.store.splits[self.name]

    @property
    def count(self) -> int:
        """How many: all, or `MAX_IMAGES`, or as many as the atlas holds."""
        _, height, width = self.store.image_shape
        room = max(1, (SIDE // height) * (SIDE // width))
        return min(len(self.split), MAX_IMAGES, room)

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
        return self.split.some(self.count)

    @cached_property
    def loader(self) -> EvalLoader:
        """All of them, as the model takes them."""
        return EvalLoader(self.chosen, self.pixels, self.classes, self.device)

    @cached_property
    def live(self) -> EvalLoader:
        """Those of a live snapshot."""
        return EvalLoader(self.chosen.some(LIVE), self.pixels, self.classes, self.device)

    @cached_property
    def golden(self) -> tuple[Int64[np.ndarray, " n"], Float[Tensor, "n c h w"], Labels]:
        """Places, pixels as the page has them, and classes of some, the same at any time."""
        chosen = evenly_spaced(self.count, min(GOLDEN_IMAGES, self.count))
        whole = next(self.loader.batches(self.count))
        x = self.pixels.of_picture(whole.x[torch.from_numpy(chosen).to(self.device)].float().cpu())
        if real_pixels(self.pixels):
            x = self.pixels.to_unit(x)
        return chosen, x, self.chosen.labels[chosen]

    @property
    def labels(self) -> bytes:
        """Their classes as bytes; those beyond the 256th share the last."""
        return bytes(np.minimum(self.chosen.labels, MAX_CLASS).astype(np.uint8))

    @cached_property
    def ink(self) -> dict[str, Any] | None:
        """How the training images are drawn."""
        train = self.store.train.some(MEASURED_IMAGES)
        loader = EvalLoader(train, self.pixels, 0, self.device)
        units = [self.pixels.to_unit(batch.x).cpu().numpy() for batch in loader.batches()]
        return measure_ink(np.concatenate(units))

    def atlas(self) -> bytes:
        """A PNG of what the model is given, as brightness, row by row."""
        units = [self.pixels.to_unit(batch.x).mul(255).round() for batch in self.loader.batches()]
        cells = torch.cat(units).byte().permute(0, 2, 3, 1).cpu().numpy()
        return png(tile(on_grid(cells, self.columns)))
