"""A split on a device: images in the model's domain and one-hot classes, batch by batch."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from vaelab.data.pixels import Pixels
from vaelab.data.store import Split
from vaelab.randomness import Purpose, generator


@dataclass(frozen=True, eq=False)
class Batch:
    """Some images as the model takes them."""

    x: Float[Tensor, "b c h w"]
    labels: Int64[Tensor, " b"]
    context: Float[Tensor, "b classes"] | None


class Feed:
    """Images kept as uint8 on a device and handed out in order, for evaluation and figures.

    Dynamic binarisation draws every image's pixels from a stream of its own, so that the same
    split always gives the same black-and-white images.

    Args:
        split: the images.
        pixels: their domain.
        classes: number of classes of a conditional model; 0 leaves `context` out.
        device: where to keep them.
    """

    def __init__(
        self, split: Split, pixels: Pixels, classes: int, device: torch.device | str = "cpu"
    ) -> None:
        self.pixels = pixels
        self.classes = classes
        self.images: UInt8[Tensor, "n c h w"] = resident(split.images, device)
        self.labels: Int64[Tensor, " n"] = resident(split.labels, device)
        self.factors = split.factors

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, size: int) -> Iterator[Batch]:
        """All images in order, `size` at a time; the last batch may be smaller."""
        draws = generator(0, Purpose.EVALUATION, 3, self.images.device)  # metrics: 0 to 2
        for start in range(0, len(self), size):
            images = self.images[start : start + size]
            labels = self.labels[start : start + size]
            uniform = None
            if self.pixels.dynamic:
                uniform = torch.rand(images.shape, generator=draws, device=images.device)
            yield Batch(self.pixels(images, uniform), labels, class_context(labels, self.classes))


def class_context(labels: Int64[Tensor, " b"], classes: int) -> Float[Tensor, "b classes"] | None:
    """One-hot classes, or None for a model that reads none."""
    if not classes:
        return None
    # as a comparison: `one_hot` waits for the device to check its labels
    every = torch.arange(classes, device=labels.device)
    return (labels[:, None] == every).to(torch.get_default_dtype())


def resident(array: np.ndarray, device: torch.device | str) -> Tensor:
    """An array as a tensor on `device`; copied only where it must be."""
    return torch.from_numpy(np.require(array, requirements=["C", "W"])).to(device)
