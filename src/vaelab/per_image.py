"""What a run's bounds are means of, in one file: a value per image, 40 kB of 10,000 images."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.errors import BadValueError
from vaelab.files import may_be_there
from vaelab.tensorfile import read_tensors, write_tensors

SCHEMA = 1


def save_per_image(
    path: Path, weights: str, images: str, values: Mapping[str, Float[Tensor, " n"]]
) -> None:
    """Write float32 values by the names of their means.

    Args:
        path: of the file.
        weights: digest of the weights they were measured on.
        images: checksum of the images, in whose order they are.
        values: one for each image.

    Raises:
        StorageError: the disk is full or may not be written.
    """
    about = {"schema": SCHEMA, "weights": weights, "images_checksum": images}
    write_tensors(path, {name: each.to(torch.float32) for name, each in values.items()}, about)


def load_per_image(
    path: Path, weights: str, images: str, count: int, name: str
) -> Float[np.ndarray, " n"] | None:
    """The values whose mean is `name`, or None where the file has none of these weights and images.

    Args:
        path: of the file.
        weights: digest of the weights.
        images: checksum of the images.
        count: how many images there are.
        name: of the mean.

    Raises:
        BadValueError: the file is damaged.
    """
    if not may_be_there(path):
        return None
    values, about = read_tensors(path)
    found = {"schema": SCHEMA, "weights": weights, "images_checksum": images}
    if about != found or name not in values:
        return None
    if values[name].shape != (count,):
        raise BadValueError(
            f"{path} is damaged: `{name}` is not a number for each of {count} images"
        )
    return values[name].double().numpy()
