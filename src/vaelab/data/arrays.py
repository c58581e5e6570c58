"""Arrays that claim to be images and labels."""

import numpy as np
from jaxtyping import Integer

from vaelab.errors import BadValueError


def check_images(where: str, images: np.ndarray) -> None:
    """Refuse what is no array of images.

    Raises:
        BadValueError: another type than uint8 or another shape than `(n, h, w)`, `(n, h, w, c)` or
            `(n, c, h, w)`.
    """
    if images.dtype != np.uint8:
        raise BadValueError(
            f"{where}: dtype {images.dtype}, but pixels are uint8 in 0..255; save (x * 255).round()"
            ".astype(np.uint8) if they are in [0, 1], else x.astype(np.uint8)"
        )
    channels = {1, 3} & {images.shape[3], images.shape[1]} if images.ndim == 4 else {}
    if images.ndim != 3 and not channels:
        raise BadValueError(
            f"{where}: shape {images.shape}; wanted is (n, h, w), (n, h, w, c) or (n, c, h, w) "
            "with 1 or 3 channels"
        )


def class_numbers(where: str, labels: np.ndarray) -> Integer[np.ndarray, " n"]:
    """The labels `(n)` or `(n, 1)` as one number each.

    Raises:
        BadValueError: no integers, or another shape.
    """
    if labels.dtype.kind not in "iu":
        raise BadValueError(
            f"{where}: dtype {labels.dtype}, but labels are integers; save y.astype(np.int64)"
        )
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise BadValueError(
            f"{where}: shape {labels.shape}; wanted is one number for each image, (n,); "
            "from one-hot rows save y.argmax(axis=1)"
        )
    return labels
