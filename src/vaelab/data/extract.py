"""From a CSV file to a folder of pictures for each class, one file a row."""

import tempfile
from pathlib import Path
from typing import Literal

from PIL import Image

from vaelab.data.csv import read_csv
from vaelab.data.progress import track
from vaelab.data.raw import Part
from vaelab.errors import BadValueError
from vaelab.files import make_folders, storage_error


def extract(csv: Path, directory: Path, split: Literal["train", "test"]) -> Path:
    """Write every image of a CSV file as `directory/<split>/images/<label>/<row>.png`.

    Rows count from 1 below the header. The whole file is checked first, and the pictures appear
    under their final name only when all are written.

    Args:
        csv: of the Kaggle form, see `CsvData`.
        directory: made if need be.
        split: which part of the data the file is.

    Returns:
        The folder `directory/<split>/images`.

    Raises:
        UserError: a bad CSV file, a folder that exists already or cannot be written.
    """
    target = directory / split / "images"
    if target.exists():
        raise BadValueError(
            f"{target} exists already; remove it or extract into another folder, so that old and "
            "new pictures are not mixed"
        )
    part = read_csv(csv)
    try:
        make_folders(target.parent)
        with tempfile.TemporaryDirectory(prefix=".extracting-", dir=target.parent) as unfinished:
            whole = Path(unfinished) / "images"
            _write(part, whole)
            whole.rename(target)
    except OSError as error:
        raise storage_error(target, error) from error
    return target


def _write(part: Part, folder: Path) -> None:
    for number in sorted(set(part.numbers.tolist())):
        (folder / str(number)).mkdir(parents=True)
    for row in track(range(len(part.images)), f"writing {len(part.images)} images"):
        path = folder / str(part.numbers[row]) / f"{row + 1}.png"
        Image.fromarray(part.images[row : row + 1][0, 0]).save(path)
