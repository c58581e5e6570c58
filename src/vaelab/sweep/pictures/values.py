"""How the values of swept keys look in pictures: their labels and their colours."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_hex
from optuna.distributions import CategoricalDistribution

from vaelab.drawing import ACCENT, PALETTE
from vaelab.sweep.space import Dimension, Range, Setting, Space, Value, ends, split, words

MAX_LABEL_LETTERS = 24
MAX_SAMPLES = 10
"""Values of a legend."""
SHADES = "viridis_r"
"""From yellow, low, to violet, high; even to the eye and in every kind of colour vision."""
LIGHTEST = 0.12
"""Part of the shades that is too light on white."""


class Labels:
    """The labels of a sweep's values; long ones are cut down to what tells them apart."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._labels = {
            key: dict(zip(one.choices, labels([*map(words, one.choices)]), strict=True))
            for key, one in space.dimensions.items()
            if isinstance(one, CategoricalDistribution)
        }

    def of(self, key: str, value: Value) -> str:
        """The label of a key's value."""
        return self._labels.get(key, {}).get(value) or words(value)

    def setting(self, setting: Setting) -> str:
        """All values of a setting, with the names of their keys."""
        short = self._space.short
        return ", ".join(f"{short(key)} {self.of(key, setting[key])}" for key in self._space.keys)


def labels(texts: Sequence[str]) -> list[str]:
    """A label for each of different texts, no two alike.

    Where one is too long, the options that all with options have in common are left out.
    """
    if max(map(len, texts)) <= MAX_LABEL_LETTERS:
        return list(texts)
    options = {text: split(text[1:-1]) for text in texts if text.startswith("{")}
    common = set.intersection(*map(set, options.values())) if len(options) > 1 else set()
    cut = []
    for text in texts:
        own = [option for option in options.get(text, ()) if option not in common]
        cut.append(shortened(", ".join(own) or text, MAX_LABEL_LETTERS))
    if len(set(cut)) == len(cut):
        return cut
    return [f"{n}: {shortened(text, MAX_LABEL_LETTERS - 5)}" for n, text in enumerate(cut, 1)]


def shortened(text: str, longest: int) -> str:
    """Its beginning, if it is longer than that."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


class Colours:
    """The colours of the first swept key: shades for numbers, else a palette."""

    def __init__(self, space: Space) -> None:
        self.key = next(iter(space.dimensions), "")
        self._dimension: Dimension | None = space.dimensions.get(self.key)

    def of(self, value: Value) -> str:
        """The colour of a value."""
        if self._dimension is None:
            return ACCENT
        if isinstance(self._dimension, Range):
            return shade(place(self._dimension, value))
        values = self._dimension.choices
        if all(isinstance(one, int | float) for one in values):
            return shade(sorted(values, key=_number).index(value) / (len(values) - 1))
        return PALETTE[values.index(value) % len(PALETTE)]

    def samples(self) -> list[Value]:
        """Values for a legend."""
        return list(ends(self._dimension)[:MAX_SAMPLES]) if self._dimension else []


def shade(part: float) -> str:
    """The colour of a number between 0 and 1."""
    return to_hex(mpl.colormaps[SHADES](LIGHTEST + (1 - LIGHTEST) * min(1.0, max(0.0, part))))


def place(dimension: Range, value: Value) -> float:
    """Where a number lies in its range, from 0 to 1."""
    numbers = np.array([dimension.low, _number(value), dimension.high])
    low, own, high = np.log(numbers) if dimension.log else numbers
    return float((own - low) / (high - low))


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
