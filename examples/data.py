"""Data of your own.

vaelab train digits data=bars task_name=bars --plugin examples/data.py
"""

from typing import Literal

import numpy as np
from pydantic import Field

from vaelab.data import Raw, Split, UndividedSource, undivided


class BarsData(UndividedSource):
    """Images of bars that are there or not, each by a coin: factors that are known.

    "Forming sparse representations by local anti-Hebbian learning" (Földiák, 1990).
    """

    kind: Literal["bars"] = "bars"
    size: int = Field(default=8, ge=2, le=64)
    """Pixels of a side; there are as many bars either way."""
    images: int = Field(default=2000, ge=10)
    """How many."""

    @property
    def name(self) -> str:
        """What the figures call the data."""
        return "bars"

    def raw(self) -> Raw:
        """uint8 images `(n, c, h, w)`, labels `(n,)`, and names of the classes."""
        draws = np.random.default_rng(0)
        there = draws.random((self.images, 2 * self.size)) < 1 / self.size
        rows, columns = there[:, : self.size], there[:, self.size :]
        pixels = (rows[:, :, None] | columns[:, None, :])[:, None]
        labels = np.minimum(there.sum(1), 4)
        names = ["no bar", "1 bar", "2 bars", "3 bars", "more"]
        return undivided(Split(pixels.astype(np.uint8) * 255, labels.astype(np.int64)), names)
