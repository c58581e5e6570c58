"""The published fixed binarisation of MNIST: three text files of zeros and ones."""

from collections.abc import Iterator, Mapping
from math import isqrt
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from vaelab.data.cache import cached
from vaelab.data.formats.untrusted import DataPath
from vaelab.data.pixels import BinaryPixels, PixelsConfig
from vaelab.data.raw import Raw, RawSplit, from_parts
from vaelab.data.source import Source
from vaelab.data.store import Images, Index
from vaelab.errors import BadValueError, MissingFileError
from vaelab.files import opened

FILES = tuple(f"binarized_mnist_{name}.amat" for name in ("train", "valid", "test"))
BLANK = b" \t\r\n"


class BinarizedMnistData(Source):
    """MNIST as it was binarised once for all: 50,000 images to train on, 10,000 and 10,000 others.

    The files `binarized_mnist_train.amat`, `binarized_mnist_valid.amat` and
    `binarized_mnist_test.amat`, a line of zeros and ones for each image, that are published at
    www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/ and are not downloaded; they name
    no classes.
    """

    advice = """Use it for numbers beside those of papers on statically binarised MNIST: `pixels:
        {kind: binary, mode: static}` draws other pixels, and so numbers of another quantity."""
    references = """
        "The neural autoregressive distribution estimator" (Larochelle and Murray, 2011); the
        method: "On the quantitative analysis of deep belief networks" (Salakhutdinov and Murray,
        2008)"""

    example: ClassVar[Mapping[str, Any]] = {"path": "binarized_mnist"}

    name: ClassVar[str] = "binarised MNIST"
    kind: Literal["binarized_mnist"] = "binarized_mnist"
    path: DataPath
    """Folder of the three files."""
    pixels: PixelsConfig = BinaryPixels(mode="given")
    """Meaning of a pixel to the model: black and white as they are."""
    validation: int | None = Field(default=None, ge=0)
    """Images held out of training; null: those of the valid file, 0: none, both are trained on."""

    def raw(self) -> Raw:
        """All images, through the cache of imports; those of the valid file behind the others."""
        train, valid, test = paths = self._paths()
        return cached(
            self.kind, str(train.parent), paths,
            lambda _: from_parts(_part(train, valid), _part(test)),
        )  # fmt: skip

    def _validation(self, labels: Index) -> tuple[Index, Index]:
        if self.validation is not None:
            return super()._validation(labels)
        places = np.arange(len(labels))
        held = sum(1 for _ in _lines(self._paths()[1]))
        return places[:-held], places[-held:]

    def _paths(self) -> list[Path]:
        folder = self.path.expanduser().absolute()
        paths = [folder / name for name in FILES]
        if missing := [path.name for path in paths if not path.is_file()]:
            raise MissingFileError(
                f"{folder} lacks {', '.join(missing)}; data.path names the folder of the three "
                "files from www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/"
            )
        return paths


def _part(*paths: Path) -> RawSplit:
    images = np.concatenate([_read(path) for path in paths])
    where = " and ".join(map(str, paths))
    return RawSplit(where, images, np.full(len(images), "digit"))


def _read(path: Path) -> Images:
    rows: list[np.ndarray] = []
    for number, line in _lines(path):
        digits = line.translate(None, BLANK)
        if digits.strip(b"01") or (rows and len(digits) != len(rows[0])):
            raise BadValueError(
                f"{path}, line {number}: {len(digits)} characters besides blanks, where zeros and "
                f"ones are wanted, {len(rows[0]) if rows else 'as many'} in every line"
            )
        rows.append(np.frombuffer(digits, np.uint8) - ord("0"))
    pixels = len(rows[0]) if rows else 0
    side = isqrt(pixels)
    if not side or side**2 != pixels:
        raise BadValueError(
            f"{path}: {len(rows)} lines of {pixels} pixels, which are no square images; the "
            "published file has 784 in a line"
        )
    return 255 * np.stack(rows).reshape(-1, 1, side, side)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers from 1."""
    with opened(path, follow=True) as file:
        yield from ((n, line) for n, line in enumerate(file, 1) if line.strip(BLANK))
