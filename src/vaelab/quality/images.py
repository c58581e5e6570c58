"""The pictures that are compared: 8-bit images, real ones as the model sees them, and samples."""

from math import prod
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from vaelab.data.feed import Feed, class_context
from vaelab.data.mapped import LARGE, MappedImages
from vaelab.data.pixels import Domain, Pixels
from vaelab.data.store import Images, Split
from vaelab.models import LatentVariableModel
from vaelab.randomness import Purpose, seeded

LARGEST_BATCH = 500
PIXELS_AT_ONCE = 2**21
MOST = 20_000
"""Images compared of those that stay in a file, or as many as 64 MiB hold."""

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


def compared(split: Split) -> Split:
    """The images that samples are compared with: all, or some of many that stay in a file.

    These are evenly spread; features of all would be in memory at once.
    """
    most = max(1, min(MOST, LARGE // 4 // prod(split.image_shape)))
    if not isinstance(split.images, MappedImages) or len(split) <= most:
        return split
    return split.select(np.arange(most) * len(split) // most)


def as_seen(split: Split, pixels: Pixels) -> Images:
    """A split's images as the model sees them: where pixels are drawn, black or white."""
    seen, start = np.empty(split.images.shape, np.uint8), 0
    for batch in Feed(split, pixels, classes=0).batches(LARGEST_BATCH):
        seen[start : start + len(batch.x)] = _eight_bit(batch.x, pixels)
        start += len(batch.x)
    return seen


def _eight_bit(x: Float[Tensor, "n c h w"], pixels: Pixels) -> Images:
    # real images have 256 levels; finer ones of samples would tell them apart
    return (pixels.to_unit(x) * 255).round().to(torch.uint8).cpu().numpy()
