"""Images that are used from the .npy file they lie in, however many they are."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vaelab.data.arrays import check_images, class_numbers
from vaelab.data.cache import remembered
from vaelab.data.mapped import map_array, open_images
from vaelab.data.raw import Part, Raw, from_parts
from vaelab.data.store import Split, checksum
from vaelab.errors import BadValueError, StorageError
from vaelab.files import opened


def read_npy(path: Path) -> Raw:
    """Images of a .npy file, and the labels of the file that has `labels` for `images` in its name.

    Images without a file of labels are of one class. Their checksum is taken once for each state
    of the two files.

    Raises:
        UserError: a file that is missing, damaged, or holds something else.
    """
    array = _open(path)
    check_images(str(path), array)
    if not array.flags.c_contiguous:
        raise BadValueError(
            f"{path}: this array is in Fortran's order; save np.ascontiguousarray(x)"
        )
    beside = path.with_name(path.name.replace("images", "labels"))
    if beside == path or not beside.exists():
        part = Part(str(path), open_images(path), np.zeros(len(array), np.int64))
        return from_parts(part, None, ["images"], partial(_identity, [path]))
    numbers = class_numbers(str(beside), _open(beside))
    part = Part(f"{path} and {beside}", open_images(path), numbers)
    return from_parts(part, None, identify=partial(_identity, [path, beside]))


def _identity(files: list[Path], splits: tuple[Split, ...], classes: tuple[str, ...]) -> str:
    return remembered("npy", files, lambda: checksum(splits, classes))


def _open(path: Path) -> "np.memmap[Any, Any]":
    with opened(path, follow=True):
        pass  # it is an ordinary file
    try:
        return map_array(path)
    except ValueError as error:
        raise BadValueError(
            f"{path}: this is no NumPy array, or it is damaged ({error}); write one with "
            "np.save(path, images)"
        ) from error
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
