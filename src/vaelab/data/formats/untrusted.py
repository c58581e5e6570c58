"""Files from strangers: pickles are refused, and what unpacks too far."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from vaelab.errors import BadValueError

PICKLE_SUFFIXES = frozenset({".pkl", ".pickle"})


def refuse_pickle(path: Path) -> Path:
    """The path, unless it is that of a pickle, such as the Frey faces are passed around as."""
    if "\0" in str(path):
        raise BadValueError("this names no file; give one")
    if path.suffix.lower() not in PICKLE_SUFFIXES:
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


HARMLESS_BYTES = 2**26
"""Bytes that anything may unpack into."""
MAX_IMAGE_RATIO = 250
"""To one that images pack: MNIST 5, the black and white sprites of dSprites 120."""
MAX_NUMBER_RATIO = 50
"""The same of arrays that vaelab writes."""


def refuse_decompression_bomb(
    path: Path, packed: int, unpacked: int, ratio: int = MAX_IMAGE_RATIO
) -> None:
    """Refuse to unpack what is both large and packed beyond what is in such files."""
    if unpacked > HARMLESS_BYTES and unpacked > ratio * packed:
        raise BadValueError(
            f"{path}: {packed:,} bytes that promise to unpack into {unpacked:,} are no images but "
            "a decompression bomb; it is left alone"
        )
