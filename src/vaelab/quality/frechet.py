"""The Fréchet distance between two sets of features."""

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.errors import BadValueError


def frechet_distance(first: Float[Tensor, "n f"], second: Float[Tensor, "m f"]) -> float:
    """The squared Fréchet distance between the normal distributions fitted to two sets of features.

    |m - m'|^2 + tr(S + S' - 2 (S S')^(1/2)), with means m, m' and covariances S, S'. "GANs trained
    by a two time-scale update rule converge to a local Nash equilibrium" (Heusel et al., 2017,
    eq. 6, arXiv 1706.08500). Estimated from images it is too large, the more so the fewer they
    are: compare numbers of the same count only. In squared units of the features.

    Raises:
        BadValueError: fewer than two vectors in a set.
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
