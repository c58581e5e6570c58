"""Whether samples are copies of training images."""

import torch
from jaxtyping import Float
from torch import Tensor

from vaelab.quality.nearest import nearest


def authenticity(training: Float[Tensor, "n f"], made: Float[Tensor, "m f"]) -> float:
    """The share of samples farther from their nearest training image than that is from any other.

    A sample nearer to it is taken for a copy with noise. "How faithful is your synthetic data?"
    (Alaa et al., 2022, section 3.3, arXiv 2102.08921). Held-out images do not score 1 either: what
    they score is what a model that does not copy is to be compared with, as in "A
    non-parametric test to detect data-copying in generative models" (Meehan et al., 2020, arXiv
    2004.05675).
    """
    distance, index = nearest(made, training)
    found, place = torch.unique(index[:, 0], return_inverse=True)
    apart, _ = nearest(training[found], training, own=found)
    return (distance[:, 0] > apart[place, 0]).double().mean().item()
