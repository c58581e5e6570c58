"""Images in CSV files of the Kaggle form: a header, then a label and its pixels in each line."""

import csv
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Literal

import numpy as np
from jaxtyping import UInt8

from vaelab.data.cache import cached
from vaelab.data.pickles import DataPath
from vaelab.data.raw import Part, Raw, from_parts
from vaelab.data.source import UndividedSource
from vaelab.errors import BadValueError
from vaelab.files import opened

LETTERS = 32
"""Of a value with quotes and spaces, and of a column's name, at most."""
_BLOCK = 1 << 24
"""Bytes parsed at a time: the parser needs some ten times that."""
MOST_COLUMNS = 2**20
LONGEST_HEADER = LETTERS * MOST_COLUMNS


class CsvData(UndividedSource):
    """Square grey images in CSV files, one a line: label first, then every pixel (Kaggle's form).

    The first line is a header. Labels and pixels are integers in 0..255, pixels row by row. Use it
    for files from Kaggle or a spreadsheet; for other shapes and for colour, use `npz`.
    """

    example: ClassVar[Mapping[str, Any]] = {"train": "mnist_train.csv"}

    kind: Literal["csv"] = "csv"
    train: DataPath
    """File of the training images."""
    test: DataPath | None = None
    """File of the test images; null: test_fraction of the training images are held out."""

    @property
    def name(self) -> str:
        """What the figures call the data."""
        return self.train.stem

    def raw(self) -> Raw:
        """The files as arrays, through the cache of imports."""
        files = [path.expanduser().absolute() for path in (self.train, self.test) if path]
        return cached(self.kind, " ".join(map(str, files)), files, lambda _: _read(files))


def _read(files: list[Path]) -> Raw:
    parts = [read_csv(path) for path in files]
    return from_parts(parts[0], parts[1] if len(parts) > 1 else None)


def read_csv(path: Path) -> Part:
    """Read images `(n, 1, side, side)` and their class numbers.

    Raises:
        MissingFileError: no such file.
        BadValueError: no header, not square, or a line that is too short, too long or holds
            something else than integers in 0..255; the message names the line.
    """
    with opened(path, follow=True) as file:
        columns = _columns(path, file.readline(LONGEST_HEADER))
        lines = _lines(path, file, LETTERS * columns + _BLOCK)
        blocks = [_parse(path, block, line, columns) for block, line in _blocks(lines)]
    rows = np.concatenate([np.empty((0, columns), np.uint8), *blocks])
    side = math.isqrt(columns - 1)
    return Part(str(path), rows[:, 1:].reshape(-1, 1, side, side), rows[:, 0])


def _columns(path: Path, header: bytes) -> int:
    """The number of columns, if the first line is a header of a label and a square."""
    if header.count(b",") >= MOST_COLUMNS or len(header) >= LONGEST_HEADER:
        raise BadValueError(f"{path}, line 1: the header has more than {MOST_COLUMNS:,} columns")
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
    if math.isqrt(len(names) - 1) ** 2 == len(names) - 1 and len(names) > 1:
        return len(names)
    unlabelled = math.isqrt(len(names)) ** 2 == len(names)
    raise BadValueError(
        f"{path}, line 1: {len(names)} columns are "
        + ("pixels without a label; add a first column of labels" if unlabelled else "no square")
        + "; wanted are 1 label + side x side pixels, such as 785 for 28x28"
    )


def _lines(path: Path, file: BinaryIO, longest: int) -> Iterator[bytes]:
    """The lines below the header, none of which is longer than its columns may be."""
    for number, line in enumerate(iter(lambda: file.readline(longest + 1), b""), 2):
        if len(line) > longest:
            raise BadValueError(
                f"{path}, line {number}: this line is too long for the columns of the header"
            )
        yield line


def _blocks(file: Iterator[bytes]) -> Iterator[tuple[bytes, int]]:
    """Whole lines, some megabytes at a time, with the number of the first."""
    lines: list[bytes] = []
    size, first = 0, 2
    for line in file:
        lines.append(line)
        size += len(line) + LETTERS
        if size >= _BLOCK:
            yield b"".join(lines), first
            first += len(lines)
            lines, size = [], 0
    if lines:
        yield b"".join(lines), first


def _parse(path: Path, block: bytes, line: int, columns: int) -> UInt8[np.ndarray, "n columns"]:
    rows = _parse_digits(block, columns)
    return _parse_slowly(path, block, line, columns) if rows is None else rows


def _parse_digits(block: bytes, columns: int) -> UInt8[np.ndarray, "n columns"] | None:
    """Parse lines of nothing but 1 to 3 digits and commas, all at once; None for any others."""
    text = np.frombuffer(block.replace(b"\r\n", b"\n").rstrip(b"\n") + b"\n", dtype=np.uint8)
    ends = np.flatnonzero((text == ord(",")) | (text == ord("\n")))
    lengths = np.diff(ends, prepend=-1) - 1
    digits = text - np.uint8(ord("0"))  # wraps around for what comes before "0"
    others = np.count_nonzero(digits > 9) - len(ends)
    if others or lengths.min() < 1 or lengths.max() > 3 or len(ends) % columns:
        return None
    line_ends = (text[ends] == ord("\n")).reshape(-1, columns)
    if line_ends[:, :-1].any() or not line_ends[:, -1].all():
        return None
    values = digits[ends - 1].astype(np.uint16)
    values += np.where(lengths > 1, digits[ends - 2], 0) * np.uint16(10)
    values += np.where(lengths > 2, digits[ends - 3], 0) * np.uint16(100)
    return None if values.max() > 255 else values.astype(np.uint8).reshape(-1, columns)


def _parse_slowly(
    path: Path, block: bytes, line: int, columns: int
) -> UInt8[np.ndarray, "n columns"]:
    """Parse with quotes, spaces and blank lines allowed, and say which line is wrong."""
    reader = csv.reader(block.decode("utf-8", errors="replace").splitlines())
    try:
        rows = [_row(path, line + reader.line_num - 1, cells, columns) for cells in reader if cells]
    except csv.Error as error:
        where = line + reader.line_num - 1
        raise BadValueError(f"{path}, line {where}: this is not CSV ({error})") from error
    return np.array(rows, dtype=np.uint8).reshape(-1, columns)


def _row(path: Path, line: int, cells: list[str], columns: int) -> list[int]:
    if len(cells) != columns:
        raise BadValueError(
            f"{path}, line {line}: {len(cells)} values, but the header has {columns} columns"
        )
    values = [_value(cell) for cell in cells]
    if None in values:
        column = values.index(None)
        raise BadValueError(
            f"{path}, line {line}, column {column + 1}: `{cells[column][:40]}` is not an integer "
            "in 0..255" + ("" if column else "; labels are numbers too")
        )
    return [value for value in values if value is not None]


def _value(cell: str) -> int | None:
    cell = cell.strip()
    return int(cell) if cell.isdecimal() and len(cell) < 10 and int(cell) <= 255 else None
