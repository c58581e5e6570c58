"""Two sets of features: distances between them, nearest neighbours, what those tell of samples."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from vaelab.console import track
from vaelab.errors import BadValueError

VALUES_AT_ONCE = 2**22
"""Of a table of all pairs."""


def frechet_distance(first: Float[Tensor, "n f"], second: Float[Tensor, "m f"]) -> float:
    """The squared Fréchet distance between the normal distributions fitted to two sets of features.

    |m - m'|^2 + tr(S + S' - 2 (S S')^(1/2)), with means m, m' and covariances S, S'. "GANs trained
    by a two time-scale update rule converge to a local Nash equilibrium" (Heusel et al., 2017,
    eq. 6, arXiv 1706.08500). Estimated from images it is too large, the more so the fewer they
    are: compare numbers of the same count only. In squared units of the features.
    """
    if min(len(first), len(second)) < 2:
        raise BadValueError(
            f"a covariance needs two images or more, got {len(first)} and {len(second)}"
        )
    apart = (first.mean(0) - second.mean(0)).square().sum()
    a, b = _factor(first), _factor(second)
    # S = A'A and S' = B'B, so that tr (S S')^(1/2) is the sum of the singular values of A B'
    together = torch.linalg.svdvals(a @ b.T).sum()
    return float(apart + a.square().sum() + b.square().sum() - 2 * together)


def _factor(features: Float[Tensor, "n f"]) -> Float[Tensor, "r f"]:
    """A with A'A the covariance of the features; as few rows as that allows."""
    centred = (features - features.mean(0)) / (len(features) - 1) ** 0.5
    factor: Tensor = torch.linalg.qr(centred, mode="r").R
    return factor


def kernel_distance(
    first: Float[Tensor, "n f"], second: Float[Tensor, "m f"]
) -> tuple[float, float]:
    """The squared maximum mean discrepancy under a cubic kernel, and its standard error.

    E k(x, x') + E k(y, y') - 2 E k(x, y) with k(x, y) = (x.y / f + 1)^3, over pairs of different
    vectors and so without bias; it may come out below zero. "Demystifying MMD GANs" (Bińkowski et
    al., 2018, section 4, arXiv 1801.01401), which calls it KID under Inception's features. The
    standard error is of first order: every vector's own part in the sums varies over the set. It
    is too large where both sets are of one distribution, by a tenth to two thirds.
    """
    n, m = len(first), len(second)
    if min(n, m) < 2:
        raise BadValueError(f"pairs need two images or more, got {n} and {m}")
    within_first, within_second = _mean_of_others(first), _mean_of_others(second)
    across_first, across_second = _mean_kernel(first, second), _mean_kernel(second, first)
    value = within_first.mean() + within_second.mean() - 2 * across_first.mean()
    parts = (within_first - across_first).var() / n + (within_second - across_second).var() / m
    return value.item(), 2 * parts.sqrt().item()


def _mean_of_others(x: Float[Tensor, "n f"]) -> Float[Tensor, " n"]:
    """The mean of k(x_i, x_j) over all j other than i."""
    own = _kernel(x.square().sum(1), x.shape[1])
    return (len(x) * _mean_kernel(x, x) - own) / (len(x) - 1)


def _mean_kernel(x: Float[Tensor, "n f"], y: Float[Tensor, "m f"]) -> Float[Tensor, " n"]:
    return torch.cat([_kernel(part @ y.T, x.shape[1]).mean(1) for part in _parts(x, y)])


def _kernel(product: Float[Tensor, "..."], features: int) -> Float[Tensor, "..."]:
    return (product / features + 1) ** 3


def _parts(first: Float[Tensor, "n f"], second: Float[Tensor, "m f"]) -> tuple[Tensor, ...]:
    """Some of `first` at a time: a table of each part with all of `second` is not too large."""
    return torch.split(first, max(1, VALUES_AT_ONCE // len(second)))


def nearest(
    queries: Float[Tensor, "q f"],
    among: Float[Tensor, "n f"],
    neighbours: int = 1,
    others: bool = False,
) -> tuple[Float[Tensor, "q k"], Int64[Tensor, "q k"]]:
    """Euclidean distances to the k nearest vectors and their indices, the nearest first.

    With `others` the queries are the vectors of `among`, and none is a neighbour of its own.
    """
    most = len(among) - others
    if neighbours > most:
        raise BadValueError(
            f"{neighbours} nearest neighbours were asked for and there are {most} others; "
            "take more images"
        )
    found, start = [], 0
    for part in _parts(queries, among):
        distances = torch.cdist(part, among)
        if others:
            distances.diagonal(start).fill_(torch.inf)
        found.append(distances.topk(neighbours, largest=False))
        start += len(part)
    return torch.cat([part.values for part in found]), torch.cat([part.indices for part in found])


def precision(real: Float[Tensor, "n f"], made: Float[Tensor, "m f"], neighbours: int = 3) -> float:
    """The share of samples that lie in a ball of some real image: how real they look.

    "Improved precision and recall metric for assessing generative models" (Kynkäänniemi et al.,
    2019, eq. 2, arXiv 1904.06991), with its k = 3 and its balls, whose rim is part of them.
    """
    radii = _radii(real, neighbours)
    inside = [(torch.cdist(part, real) <= radii).any(1) for part in _parts(made, real)]
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
    counts = [(torch.cdist(part, real) < radii).sum(1) for part in _parts(made, real)]
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
    return nearest(centres, centres, neighbours, others=True)[0][:, -1]


def copying(
    training: Float[Tensor, "n f"], held_out: Float[Tensor, "h f"], made: Float[Tensor, "m f"]
) -> tuple[float, float]:
    """How often a sample is nearer to the training images than a held-out image is, and its error.

    P(d(sample) < d(held out)) + P(equal) / 2 with d the distance to the nearest training image, a
    Mann-Whitney statistic: 1/2 where samples are as near as new images, 1 where they are copies,
    and less where they are far from any. "A non-parametric test to detect data-copying in
    generative models" (Meehan et al., 2020, section 2.2, arXiv 2004.05675). In pixels a blurred
    sample is near to everything, and somewhat above 1/2 without being a copy. The standard error
    is over samples and held-out images.
    """
    near_made = _to_nearest(made, training, "looking for copies")
    near_held = _to_nearest(held_out, training, "comparing held-out images")
    beaten = _share_farther(near_made, near_held)
    beating = 1 - _share_farther(near_held, near_made)
    variance = beaten.var() / len(beaten) + beating.var() / len(beating)
    return beaten.mean().item(), variance.sqrt().item()


def _to_nearest(
    those: Float[Tensor, "m f"], training: Float[Tensor, "n f"], title: str
) -> Float[Tensor, " m"]:
    """The distance of each to the nearest training image; it takes long, and says how far it is."""
    parts = track(_parts(those, training), title)
    return torch.cat([nearest(part, training)[0][:, 0] for part in parts])


def _share_farther(first: Float[Tensor, " n"], second: Float[Tensor, " m"]) -> Float[Tensor, " n"]:
    """For each distance of `first` the share of `second` that is larger, ties a half."""
    ordered = second.sort().values
    at_most = torch.searchsorted(ordered, first, right=True)
    below = torch.searchsorted(ordered, first)
    return 1 - (at_most + below) / (2 * len(second))
