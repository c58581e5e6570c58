"""Pickles, which are programs and no data: refused, with the line that makes archives of them."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from vaelab.errors import BadValueError

SUFFIXES = frozenset({".pkl", ".pickle"})


def refuse_pickle(path: Path) -> Path:
    """The path, unless it is that of a pickle, such as the Frey faces are passed around as.

    Raises:
        BadValueError: it is one, or no file can have that name.
    """
    if "\0" in str(path):
        raise BadValueError("this names no file; give one")
    if path.suffix.lower() not in SUFFIXES:
        return path
    archive = path.with_suffix(".npz")
    raise BadValueError(
        f"{path}: a pickle is never read, since reading one runs whatever code is in it; if you "
        "trust its author, paste the next line into Python (28 x 20 is a Frey face's height x "
        f"width) and use `data: {{kind: npz, path: {archive}}}`\n{conversion(path, archive)}"
    )


def conversion(path: Path, archive: Path) -> str:
    """A line of Python that writes a pickled array as an archive of one class of images."""
    return (
        "import pickle, numpy as np; "
        f"x = np.asarray(pickle.load(open({str(path)!r}, 'rb'), encoding='latin1'))"
        ".reshape(-1, 28, 20); "
        f"np.savez_compressed({str(archive)!r}, "
        "images=(x * (255 if x.max() <= 1 else 1)).round().astype(np.uint8), "
        "labels=np.zeros(len(x), int))"
    )


DataPath = Annotated[Path, AfterValidator(refuse_pickle)]
"""Where data is read from."""
