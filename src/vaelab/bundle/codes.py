"""Codes as 16-bit integers: loc and log scale of q(z|x), each in a unit of its own."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int16

from vaelab.data.feed import Feed
from vaelab.errors import BadValueError
from vaelab.models import FlatLatent

LARGEST = 32767
BATCH = 1000


@dataclass(frozen=True, eq=False)
class Codes:
    """Quantised codes of n images.

    Attributes:
        values: `(n, 2, d)`: loc, then log scale.
        loc_unit: what 1 means in the first.
        log_scale_unit: and in the second.
    """

    values: Int16[np.ndarray, "n 2 d"]
    loc_unit: float
    log_scale_unit: float

    @classmethod
    def of(cls, loc: Float32[np.ndarray, "n d"], scale: Float32[np.ndarray, "n d"]) -> "Codes":
        """Quantise so that the largest value just fits."""
        columns, units = [], []
        for values in (loc, np.log(scale)):
            unit = max(float(np.abs(values).max(initial=0)) / LARGEST, 1e-9)
            units.append(unit)
            columns.append(np.rint(values / unit).astype("<i2"))
        return cls(np.stack(columns, axis=1), *units)

    @property
    def loc(self) -> Float32[np.ndarray, "n d"]:
        """The locations, off by half a unit at most."""
        return (self.values[:, 0] * self.loc_unit).astype(np.float32)

    @property
    def scale(self) -> Float32[np.ndarray, "n d"]:
        """The scales."""
        return np.exp(self.values[:, 1] * self.log_scale_unit).astype(np.float32)


@torch.no_grad()
def encode(model: FlatLatent, feed: Feed) -> Codes:
    """The codes of a feed's images, by a model in evaluation mode.

    Raises:
        BadValueError: they are no finite numbers.
    """
    locs, scales = [], []
    for batch in feed.batches(BATCH):
        posterior = model.encode(batch.x, batch.context)
        locs.append(posterior.mean.float().cpu().numpy())
        scales.append(posterior.stddev.float().cpu().numpy())
    loc, scale = np.concatenate(locs), np.concatenate(scales)
    if not (np.isfinite(loc).all() and np.isfinite(scale).all()):
        raise BadValueError("codes of the test images are no finite numbers")
    return Codes.of(loc, scale)
