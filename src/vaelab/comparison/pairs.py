"""The difference of two entries, and how far it may be by chance."""

from dataclasses import dataclass
from math import hypot, inf, sqrt
from typing import Literal

import numpy as np

from vaelab.comparison.entry import Entry

CONFIDENCE = 0.95

How = Literal["seeds", "images", "unpaired"]


@dataclass(frozen=True)
class Difference:
    """By how much one entry's number is larger than another's.

    Attributes:
        value: in the number's unit.
        standard_error: of the value.
        freedom: degrees of freedom of the error.
        how: what the error is over: seeds; or images, in pairs, or as if each entry had others.
    """

    value: float
    standard_error: float
    freedom: float
    how: How

    @property
    def is_tie(self) -> bool:
        """Whether 0 lies in its 95% interval, by Student's t for so few seeds or many images."""
        from scipy.stats import t  # half a second to import, seldom needed

        reach = t.ppf((1 + CONFIDENCE) / 2, self.freedom) * self.standard_error
        return bool(abs(self.value) <= reach)


def difference(one: Entry, other: Entry, number: str) -> Difference:
    """Of `one` less that of `other`.

    Both were measured on the same images, whose values go up and down together: their differences
    vary much less than either. An error over images says what other images would change, one over
    seeds what other trainings would; with one seed on a side nothing is known of the latter.
    """
    value = one.mean(number) - other.mean(number)
    if min(len(one.members), len(other.members)) > 1:
        return _over_seeds(value, one, other, number)
    first, second = one.per_image(number), other.per_image(number)
    if first is not None and second is not None and len(first) == len(second) > 1:
        each = first - second
        error = float(each.std(ddof=1) / sqrt(len(each)))
        return Difference(value, error, len(each) - 1, "images")
    errors = [entry.error(number) or 0.0 for entry in (one, other)]
    return Difference(value, hypot(*errors), inf, "unpaired")


def _over_seeds(value: float, one: Entry, other: Entry, number: str) -> Difference:
    """Welch's (1947) error and degrees of freedom of the difference of two means."""
    parts = [
        (float(np.var(values, ddof=1)) / len(values), len(values) - 1)
        for values in (one.values(number), other.values(number))
    ]
    variance = sum(part for part, _ in parts)
    spread = sum(part**2 / freedom for part, freedom in parts)
    return Difference(value, sqrt(variance), variance**2 / spread if spread else inf, "seeds")
