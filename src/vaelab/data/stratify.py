"""Holding out images so that every class keeps its share."""

import numpy as np
from jaxtyping import Int64

from vaelab.errors import BadValueError


def hold_out(
    labels: Int64[np.ndarray, " n"], count: int, draws: np.random.Generator
) -> tuple[Int64[np.ndarray, " rest"], Int64[np.ndarray, " count"]]:
    """Choose `count` images at random, from each class its share.

    Class c with n_c of the n images gives floor(count n_c / n) of them, and the largest remainders
    one more, so that every share is kept to within one image.

    Args:
        labels: the class of each image.
        count: how many to hold out, from 0 to n.
        draws: the generator that chooses.

    Returns:
        The indices that stay and the indices held out, both ascending.

    Raises:
        BadValueError: `count` is not in 0..n.
    """
    if not 0 <= count <= len(labels):
        raise BadValueError(f"cannot hold out {count} of {len(labels)} images")
    shuffled = draws.permutation(len(labels))
    held = np.zeros(len(labels), dtype=bool)
    for label, quota in enumerate(_quotas(np.bincount(labels), count)):
        held[shuffled[labels[shuffled] == label][:quota]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def _quotas(sizes: Int64[np.ndarray, " k"], count: int) -> Int64[np.ndarray, " k"]:
    """Divide `count` by the method of largest remainders (Hamilton)."""
    quotas, remainders = np.divmod(count * sizes, max(1, sizes.sum()))
    missing = count - quotas.sum()
    quotas[np.argsort(-remainders, kind="stable")[:missing]] += 1
    return quotas
