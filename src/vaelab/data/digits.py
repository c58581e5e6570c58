"""The embedded data set: small, real, always there."""

from typing import Literal

import numpy as np

from vaelab.data.raw import Raw, undivided
from vaelab.data.source import UndividedSource
from vaelab.data.store import Split


class DigitsData(UndividedSource):
    """1,797 real handwritten digits of 8x8 pixels, in scikit-learn; nothing to download.

    They are the test part of the whole set. Use it to try things: a model trains within a minute on
    a laptop, but few publish numbers of it.

    "Optical recognition of handwritten digits" (Alpaydin and Kaynak, 1998), UCI machine learning
    repository, doi 10.24432/C50P49.
    """

    kind: Literal["digits"] = "digits"

    @property
    def name(self) -> str:
        """What the figures call the data."""
        return "digits"

    def raw(self) -> Raw:
        """All 1,797 images, grey levels 0..16 spread over 0..255."""
        from sklearn.datasets import load_digits  # half a second that other kinds need not spend

        pixels, labels = load_digits(return_X_y=True)
        images = np.rint(pixels * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
        return undivided(Split(images, labels.astype(np.int64)), [str(n) for n in range(10)])
