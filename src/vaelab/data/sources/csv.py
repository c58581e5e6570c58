"""Images in CSV files of the Kaggle form: a header, then a label and its pixels in each line."""

import csv
import math
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from vaelab.console import track
from vaelab.data.cache import cached
from vaelab.data.formats.untrusted import DataPath
from vaelab.data.raw import Raw, RawSplit, from_parts
from vaelab.data.source import UndividedSource
from vaelab.errors import BadValueError
from vaelab.files import make_folders, opened, storing

MAX_COLUMNS = 2**20
MAX_LINE_BYTES = 32 * MAX_COLUMNS
"""A file without line ends, such as a hollow one, is not read to its end."""


class CsvData(UndividedSource):
    """Square grey images in CSV files, one a line: label first, then every pixel (Kaggle's form).

    The first line is a header. Labels and pixels are integers in 0..255, pixels row by row.
    """

    advice = """Use it for files from Kaggle or a spreadsheet; for other shapes and for colour, use
        `npz`."""

    example: ClassVar[Mapping[str, Any]] = {"train": "mnist_train.csv"}

    kind: Literal["csv"] = "csv"
    train: DataPath
    """File of the training images."""
    test: DataPath | None = None
    """File of the test images; null: test_fraction of the training images are held out."""

    @property
    def name(self) -> str:
        return self.train.stem

    def raw(self) -> Raw:
        files = [path.expanduser().absolute() for path in (self.train, self.test) if path]
        asked = " ".join(map(str, files))
        return cached(self.kind, asked, files, lambda _: from_parts(*map(read_csv, files)))


def read_csv(path: Path) -> RawSplit:
    """Read images `(n, 1, side, side)` and their class numbers."""
    with opened(path, follow=True) as file:
        columns = _columns(path, file.readline(MAX_LINE_BYTES))
        rows = _rows(path, file, columns)
    side = math.isqrt(columns - 1)
    return RawSplit(str(path), rows[:, 1:].reshape(-1, 1, side, side), rows[:, 0])


def _columns(path: Path, header: bytes) -> int:
    """The number of columns, if the first line is a header of a label and a square."""
    if header.count(b",") >= MAX_COLUMNS or len(header) >= MAX_LINE_BYTES:
        raise BadValueError(f"{path}, line 1: the header has more than {MAX_COLUMNS:,} columns")
    line = header.decode("utf-8-sig", errors="replace")
    names = [name.strip(' \r\n"') for name in line.split(",")]
    if not any(names):
        raise BadValueError(
            f"{path}, line 1: the header is blank; wanted is a line such as label,pixel0,pixel1,..."
        )
    if all(name.isdecimal() for name in names):
        raise BadValueError(
            f"{path}, line 1: these are numbers, not a header; add a first line such as "
            "label,pixel0,pixel1,..."
        )
    low = [name.lower() for name in names]
    if "label" in low[1:] and low[0] != "label":
        raise BadValueError(
            f"{path}, line 1: `label` is column {low.index('label') + 1}; wanted is the label "
            "first, then every pixel"
        )
    if math.isqrt(len(names) - 1) ** 2 == len(names) - 1 and len(names) > 1:
        return len(names)
    unlabelled = math.isqrt(len(names)) ** 2 == len(names) and low[0] != "label"
    raise BadValueError(
        f"{path}, line 1: {len(names)} columns are "
        + ("pixels without a label; add a first column of labels" if unlabelled else "no square")
        + "; wanted are 1 label + side x side pixels, such as 785 for 28x28"
    )


def _rows(path: Path, file: BinaryIO, columns: int) -> UInt8[np.ndarray, "n columns"]:
    """The lines below the header, by NumPy; what it does not take is looked at line by line."""
    start = file.tell()
    with warnings.catch_warnings(), suppress(ValueError, Warning):
        warnings.simplefilter("error")  # no lines; or 2.5, which an older NumPy makes 2
        rows = np.loadtxt(
            _lines(path, file), np.uint8, comments=None, delimiter=",", quotechar='"', ndmin=2
        )
        if rows.shape[1] == columns:
            return rows
    file.seek(start)
    reader = csv.reader(line.decode(errors="replace") for line in _lines(path, file))
    try:
        parsed = [_row(path, reader.line_num + 1, cells, columns) for cells in reader if cells]
    except csv.Error as error:
        where = f"{path}, line {reader.line_num + 1}"
        raise BadValueError(f"{where}: this is not CSV ({error})") from error
    return np.array(parsed, np.uint8).reshape(-1, columns)


def _lines(path: Path, file: BinaryIO) -> Iterator[bytes]:
    for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES), b""), 2):
        if len(line) == MAX_LINE_BYTES:
            raise BadValueError(f"{path}, line {number}: this line is too long")
        yield line


def _row(path: Path, line: int, cells: list[str], columns: int) -> UInt8[np.ndarray, " columns"]:
    if len(cells) != columns:
        raise BadValueError(
            f"{path}, line {line}: {len(cells)} values, but the header has {columns} columns"
        )
    for column, cell in enumerate(map(str.strip, cells)):
        if not (cell.isdecimal() and len(cell) < 10 and int(cell) <= 255):
            raise BadValueError(
                f"{path}, line {line}, column {column + 1}: `{cell[:40]}` is not an integer "
                "in 0..255" + ("" if column else "; labels are numbers too")
            )
    return np.array([int(cell) for cell in cells], np.uint8)


def extract(table: Path, directory: Path, split: Literal["train", "test"]) -> Path:
    """Write every image of a CSV file as `directory/<split>/images/<label>/<row>.png`.

    Rows count from 1 below the header. The whole file is checked first, and the pictures appear
    under their final name, which is returned, only when all are written.
    """
    target = directory / split / "images"
    if target.exists():
        raise BadValueError(
            f"{target} exists already; remove it or extract into another folder, so that old and "
            "new pictures are not mixed"
        )
    part = read_csv(table)
    make_folders(target.parent, target)
    with (
        storing(target),
        tempfile.TemporaryDirectory(prefix=".extracting-", dir=target.parent) as unfinished,
    ):
        whole = Path(unfinished) / "images"
        for number in sorted(set(part.numbers.tolist())):
            (whole / str(number)).mkdir(parents=True)
        for row in track(range(len(part.images)), f"writing {len(part.images)} images"):
            path = whole / str(part.numbers[row]) / f"{row + 1}.png"
            Image.fromarray(part.images[row : row + 1][0, 0]).save(path)
        whole.rename(target)
    return target
