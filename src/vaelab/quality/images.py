"""The pictures that are compared: 8-bit images, real ones as the model sees them, and samples."""

from math import prod
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from vaelab.data.loading.evaluation import EVALUATED_AT_ONCE, EvalLoader, class_context
from vaelab.data.mapped import MAX_MEMORY_BYTES, MappedImages
from vaelab.data.pixels import Domain, Pixels
from vaelab.data.store import Split
from vaelab.models import LatentVariableModel
from vaelab.quality.features import at_most
from vaelab.randomness import Purpose, seeded

PIXELS_AT_ONCE = 2**21
MAX_COMPARED_IMAGES = 20_000
"""Images compared of those that stay in a file, or as many as 64 MiB hold."""

SampleKind = Literal["mean", "draw"]
"""A sample is the mean of p(x|z), or drawn from it."""


def default_sample_kind(pixels: Pixels) -> SampleKind:
    """Means, as papers on VAEs do; where real pixels are black or white, draws, which are too."""
    return "draw" if pixels.domain is Domain.BINARY else "mean"


@torch.no_grad()
def samples(
    model: LatentVariableModel,
    pixels: Pixels,
    labels: Int64[np.ndarray, " n"],
    made: SampleKind,
    seed: int,
    side: int | None = None,
) -> UInt8[np.ndarray, "n c h w"]:
    """Images decoded from codes of the prior by a model in evaluation mode, one for each label.

    Only a conditional model reads the labels. The seed is that of codes and draws, `side` as for
    `eight_bit`.
    """
    device = next(model.parameters()).device
    parts = []
    with seeded(seed, Purpose.SAMPLES):
        for part in torch.split(torch.as_tensor(labels, device=device), at_once(model.image_shape)):
            likelihood = model.sample(len(part), class_context(part, model.classes))
            x = likelihood.mean if made == "mean" else likelihood.sample()
            parts.append(eight_bit(x, pixels, side))
    return np.concatenate(parts)


def comparison_subset(split: Split) -> Split:
    """The images that samples are compared with: all, or some of many that stay in a file.

    These are evenly spread; features of all would be in memory at once.
    """
    most = max(1, min(MAX_COMPARED_IMAGES, MAX_MEMORY_BYTES // 4 // prod(split.image_shape)))
    return split.some(most) if isinstance(split.images, MappedImages) else split


def as_uint8(
    split: Split, pixels: Pixels, side: int | None = None
) -> UInt8[np.ndarray, "n c height width"]:
    """A split's images as the model sees them: where pixels are drawn, black or white."""
    batches = EvalLoader(split, pixels, classes=0).batches(at_once(split.image_shape))
    return np.concatenate([eight_bit(batch.x, pixels, side) for batch in batches])


def at_once(image_shape: tuple[int, ...]) -> int:
    """How many images a model decodes at a time."""
    return max(1, min(EVALUATED_AT_ONCE, PIXELS_AT_ONCE // prod(image_shape)))


def eight_bit(
    x: Float[Tensor, "n c h w"], pixels: Pixels, side: int | None = None
) -> UInt8[np.ndarray, "n c height width"]:
    """Images of the model's domain as bytes; larger ones than `side` are averaged down to it."""
    unit = pixels.to_unit(x)
    # real images have 256 levels; finer ones of samples would tell them apart
    levels = (unit if side is None else at_most(unit, side)) * 255
    return levels.round().to(torch.uint8).cpu().numpy()
