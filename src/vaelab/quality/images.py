"""The pictures that are compared: 8-bit images, real ones as the model sees them, and samples."""

from math import prod
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from vaelab.data.feed import Feed, class_context
from vaelab.data.pixels import Domain, Pixels
from vaelab.data.store import Images, Split
from vaelab.models import LatentVariableModel
from vaelab.randomness import Purpose, seeded

LARGEST_BATCH = 500
PIXELS_AT_ONCE = 2**21

Made = Literal["mean", "draw"]
"""A sample is the mean of p(x|z), or drawn from it."""


def usual(pixels: Pixels) -> Made:
    """Means, as papers on VAEs do; where real pixels are black or white, draws, which are too."""
    return "draw" if pixels.domain is Domain.BINARY else "mean"


@torch.no_grad()
def samples(
    model: LatentVariableModel,
    pixels: Pixels,
    labels: Int64[np.ndarray, " n"],
    made: Made,
    seed: int,
) -> Images:
    """Images `(n, c, h, w)` decoded from codes of the prior, one for each label.

    Args:
        model: in evaluation mode.
        pixels: its pixels.
        labels: the class of each; only a conditional model reads them.
        made: means or draws of p(x|z).
        seed: of codes and draws.
    """
    size = max(1, min(LARGEST_BATCH, PIXELS_AT_ONCE // prod(model.image_shape)))
    device = next(model.parameters()).device
    parts = []
    with seeded(seed, Purpose.SAMPLES):
        for part in torch.split(torch.as_tensor(labels, device=device), size):
            likelihood = model.sample(len(part), class_context(part, model.classes))
            x = likelihood.mean if made == "mean" else likelihood.sample()
            parts.append(_eight_bit(x, pixels))
    return np.concatenate(parts)


def as_seen(split: Split, pixels: Pixels) -> Images:
    """A split's images as the model sees them: where pixels are drawn, black or white."""
    batches = Feed(split, pixels, classes=0).batches(LARGEST_BATCH)
    return np.concatenate([_eight_bit(batch.x, pixels) for batch in batches])


def _eight_bit(x: Float[Tensor, "n c h w"], pixels: Pixels) -> Images:
    # real images have 256 levels; finer ones of samples would tell them apart
    return (pixels.to_unit(x) * 255).round().to(torch.uint8).cpu().numpy()
