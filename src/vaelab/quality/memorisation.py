"""Whether samples are copies of training images."""

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.quality.neighbours import nearest


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
    near_made, _ = nearest(made, training)
    near_held, _ = nearest(held_out, training)
    beaten = _share_farther(near_made[:, 0], near_held[:, 0])
    beating = 1 - _share_farther(near_held[:, 0], near_made[:, 0])
    variance = beaten.var() / len(beaten) + beating.var() / len(beating)
    return beaten.mean().item(), variance.sqrt().item()


def _share_farther(first: Float[Tensor, " n"], second: Float[Tensor, " m"]) -> Float[Tensor, " n"]:
    """For each distance of `first` the share of `second` that is larger, ties a half."""
    ordered = second.sort().values
    at_most = torch.searchsorted(ordered, first, right=True)
    below = torch.searchsorted(ordered, first)
    return 1 - (at_most + below) / (2 * len(second))
