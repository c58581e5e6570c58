"""How much of two sets of features lies within each other's reach.

The set around each is a union of balls: one about every vector, as far as its k-th nearest other.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.quality.neighbours import distance_rows, nearest


def precision(real: Float[Tensor, "n f"], made: Float[Tensor, "m f"], neighbours: int = 3) -> float:
    """The share of samples that lie in a ball of some real image: how real they look.

    "Improved precision and recall metric for assessing generative models" (Kynkäänniemi et al.,
    2019, eq. 2, arXiv 1904.06991), with its k = 3 and its balls, whose rim is part of them.
    """
    radii = _radii(real, neighbours)
    inside = [(rows <= radii).any(1) for _, rows in distance_rows(made, real)]
    return torch.cat(inside).double().mean().item()


def recall(real: Float[Tensor, "n f"], made: Float[Tensor, "m f"], neighbours: int = 3) -> float:
    """The share of real images that lie in a ball of some sample: how much is reached.

    As `precision`, with the sets the other way round.
    """
    return precision(made, real, neighbours)


def density(real: Float[Tensor, "n f"], made: Float[Tensor, "m f"], neighbours: int = 5) -> float:
    """The mean number of real images' balls that a sample lies in, divided by k.

    1 is expected of real images; more where samples crowd in the midst of them. "Reliable fidelity
    and diversity metrics for generative models" (Naeem et al., 2020, eq. 4, arXiv 2002.09797),
    with its k = 5, and balls without their rim, as its program `prdc` has them: pixels of few
    levels lie on rims often. Unlike `precision` not raised by one outlier with a wide ball.
    """
    radii = _radii(real, neighbours)
    counts = [(rows < radii).sum(1) for _, rows in distance_rows(made, real)]
    return torch.cat(counts).double().mean().item() / neighbours


def coverage(real: Float[Tensor, "n f"], made: Float[Tensor, "m f"], neighbours: int = 5) -> float:
    """The share of real images whose ball has a sample in it.

    "Reliable fidelity and diversity metrics for generative models" (Naeem et al., 2020, eq. 5,
    arXiv 2002.09797), with its k = 5 and balls as for `density`. Unlike `recall` not raised by
    samples that lie far apart.
    """
    reach, _ = nearest(real, made)
    return (reach[:, 0] < _radii(real, neighbours)).double().mean().item()


def _radii(centres: Float[Tensor, "n f"], neighbours: int) -> Float[Tensor, " n"]:
    """The distance of each to its k-th nearest other."""
    distances, _ = nearest(centres, centres, neighbours, own=torch.arange(len(centres)))
    return distances[:, -1]
