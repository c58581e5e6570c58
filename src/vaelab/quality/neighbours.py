"""Nearest neighbours among many vectors, never more distances at once than fit into memory."""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from vaelab.errors import BadValueError

DISTANCES_AT_ONCE = 2**22


def nearest(
    queries: Float[Tensor, "q f"],
    among: Float[Tensor, "n f"],
    neighbours: int = 1,
    own: Int64[Tensor, " q"] | None = None,
) -> tuple[Float[Tensor, "q k"], Int64[Tensor, "q k"]]:
    """Euclidean distances to the nearest vectors and their indices, the nearest first.

    Args:
        queries: what neighbours are looked for.
        among: where they are looked for.
        neighbours: k, how many.
        own: the index of each query in `among`, where it is one of them and not to be found.

    Raises:
        BadValueError: there are fewer than k others.
    """
    others = len(among) - (own is not None)
    if neighbours > others:
        raise BadValueError(
            f"{neighbours} nearest neighbours were asked for and there are {others} others; "
            "take more images"
        )
    found = []
    for rows, distances in distance_rows(queries, among):
        if own is not None:
            distances.scatter_(1, own[rows, None], torch.inf)
        found.append(distances.topk(neighbours, largest=False))
    return torch.cat([part.values for part in found]), torch.cat([part.indices for part in found])


def distance_rows(
    first: Float[Tensor, "n f"], second: Float[Tensor, "m f"]
) -> Iterator[tuple[slice, Float[Tensor, "r m"]]]:
    """Some rows at a time, which they are and their Euclidean distances to all of `second`."""
    size = max(1, DISTANCES_AT_ONCE // len(second))
    for start in range(0, len(first), size):
        rows = slice(start, min(start + size, len(first)))
        yield rows, torch.cdist(first[rows], second)
