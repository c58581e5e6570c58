"""A colour for each value of a swept key."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.colors import to_hex

from vaelab.figures.style import ACCENT, PALETTE
from vaelab.sweep.space import Range, Space, Value

SHADES = "viridis_r"
"""From yellow, low, to violet, high; even to the eye and in every kind of colour vision."""
LIGHTEST = 0.12
"""Part of the shades that is too light on white."""


def shades(parts: Sequence[float] | Float[np.ndarray, " n"]) -> list[str]:
    """Colours of numbers between 0 and 1."""
    scale = mpl.colormaps[SHADES]
    return [to_hex(scale(LIGHTEST + (1 - LIGHTEST) * min(1.0, max(0.0, one)))) for one in parts]


class Colours:
    """The colours of the first swept key: shades for numbers, else a palette.

    Args:
        space: what is swept.
    """

    def __init__(self, space: Space) -> None:
        self._dimension = space.dimensions[0] if space.dimensions else None
        self.key = self._dimension.key if self._dimension else ""

    def of(self, value: Value) -> str:
        """The colour of a value."""
        if self._dimension is None:
            return ACCENT
        if isinstance(self._dimension, Range):
            return shades([place(self._dimension, value)])[0]
        index, values = self._dimension.values.index(value), self._dimension.values
        if all(isinstance(one, int | float) for one in values):
            return shades([sorted(values, key=_number).index(value) / (len(values) - 1)])[0]
        return PALETTE[index % len(PALETTE)]

    def samples(self) -> list[Value]:
        """Values for a legend."""
        if self._dimension is None:
            return []
        return list(self._dimension.ends[:10])


def place(dimension: Range, value: Value) -> float:
    """Where a number lies in its range, from 0 to 1."""
    ends = np.array([dimension.low, _number(value), dimension.high])
    low, own, high = np.log(ends) if dimension.log else ends
    return float((own - low) / (high - low))


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
