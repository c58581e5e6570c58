"""The embedded data sets hold what they are said to hold."""

import numpy as np
from sklearn.datasets import load_digits

from vaelab.data import DigitsData


def test_the_digits_are_those_of_scikit_learn() -> None:
    raw = DigitsData().raw()
    pixels, labels = load_digits(return_X_y=True)
    grey = raw.train.images.reshape(len(pixels), -1)
    np.testing.assert_allclose(grey * (16 / 255), pixels, atol=16 / 255 / 2)
    np.testing.assert_array_equal(raw.train.labels, labels)
