"""The embedded data sets: small, real, always there."""

from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from vaelab.data.raw import Raw, undivided
from vaelab.data.source import UndividedSource
from vaelab.data.store import Split
from vaelab.errors import MissingFileError

MNIST_3000 = Path(__file__).with_name("mnist_3000.npz")
DIGITS = [str(n) for n in range(10)]


class DigitsData(UndividedSource):
    """1,797 real handwritten digits of 8x8 pixels, in scikit-learn; nothing to download.

    They are the test part of the whole set.
    """

    advice = """Use it to try things: a model trains within a minute on a laptop, but few publish
        numbers of it."""
    references = """
        "Optical recognition of handwritten digits" (Alpaydin and Kaynak, 1998), UCI machine
        learning repository, doi 10.24432/C50P49"""

    name: ClassVar[str] = "digits"
    kind: Literal["digits"] = "digits"

    def raw(self) -> Raw:
        """All 1,797 images, grey levels 0..16 spread over 0..255."""
        package = find_spec("sklearn")  # whose import takes a second, and its file 20 ms
        if package is None or package.submodule_search_locations is None:
            raise MissingFileError("scikit-learn, which has the digits, is not installed")
        path = Path(package.submodule_search_locations[0], "datasets", "data", "digits.csv.gz")
        table = np.loadtxt(path, delimiter=",", dtype=np.int64)
        images = np.rint(table[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
        return undivided(Split(images, table[:, -1]), DIGITS)


class Mnist3000Data(UndividedSource):
    """3,000 images of MNIST in this package, 28x28 pixels; nothing to download.

    They are the first 300 of each class of its training images.
    """

    advice = """Use it for a first look, in class and without a network: a model trains within a
        minute on a laptop, but numbers to publish take all of `mnist`."""
    references = """
        "Gradient-based learning applied to document recognition" (LeCun, Bottou, Bengio and
        Haffner, 1998), doi 10.1109/5.726791; CC BY-SA 3.0"""

    name: ClassVar[str] = "mnist_3000"
    kind: Literal["mnist_3000"] = "mnist_3000"

    def raw(self) -> Raw:
        """All 3,000 images."""
        with np.load(MNIST_3000, allow_pickle=False) as arrays:
            split = Split(arrays["images"][:, None], arrays["labels"].astype(np.int64))
        return undivided(split, DIGITS)
