"""A split on a device: images in the model's domain and one-hot classes, batch by batch."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from vaelab.data.mapped import MappedImages
from vaelab.data.pixels import Pixels, Stored
from vaelab.data.prefetch import prefetch
from vaelab.data.store import Images, Split, chunks
from vaelab.randomness import Purpose, generator

EVALUATED_AT_ONCE = 500
"""Images that a model sees at once where nothing is learned."""
GPU_MEMORY_PART = 4
"""Images of more than the fourth part of a GPU's free memory stay where they are."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Some images as the model takes them."""

    x: Float[Tensor, "b c h w"]
    labels: Int64[Tensor, " b"]
    context: Float[Tensor, "b classes"] | None


class EvalLoader:
    """Images as uint8 handed out in order on a device, for evaluation and figures.

    They are kept on the device, unless `is_streamed` says that they are read as they are asked for.

    Dynamic binarisation draws every image's pixels from a stream of its own, so that the same
    split always gives the same black-and-white images. `classes` is the number of classes of a
    conditional model; 0 leaves `context` out.
    """

    def __init__(
        self, split: Split, pixels: Pixels, classes: int, device: torch.device | str = "cpu"
    ) -> None:
        self.pixels = pixels
        self.classes = classes
        self.device = torch.device(device)
        self.labels: Int64[Tensor, " n"] = to_device(split.labels, device)
        self.factors = split.factors
        self._images: Tensor | Images | MappedImages = split.images
        if not is_streamed(split.images, self.device):
            self._images = to_device(split.images, device)

    def __len__(self) -> int:
        return len(self.labels)

    def images(self, index: slice | Int64[Tensor, " b"]) -> Stored:
        """Some of the images, on the device."""
        if isinstance(self._images, Tensor):
            return self._images[index]
        rows = index if isinstance(index, slice) else index.cpu().numpy()
        return to_device(self._images[rows], self.device)

    def batches(self, size: int | None = None) -> Iterator[Batch]:
        """All images in order, `size` at a time (500); the last batch may be smaller."""
        size = size or EVALUATED_AT_ONCE
        # on the CPU: what a GPU draws depends on how many are drawn at a time
        draws = generator(0, Purpose.EVALUATION_PIXELS)
        starts = range(0, len(self), size)
        parts = (self.images(slice(start, start + size)) for start in starts)
        read = parts if isinstance(self._images, Tensor) else prefetch(parts)
        for start, images in zip(starts, read, strict=True):
            labels = self.labels[start : start + size]
            uniform = None
            if self.pixels.dynamic:
                uniform = torch.rand(images.shape, generator=draws).to(images.device)
            yield Batch(self.pixels(images, uniform), labels, class_context(labels, self.classes))


def class_context(labels: Int64[Tensor, " b"], classes: int) -> Float[Tensor, "b classes"] | None:
    """One-hot classes, or None for a model that reads none."""
    if not classes:
        return None
    # as a comparison: `one_hot` waits for the device to check its labels
    every = torch.arange(classes, device=labels.device)
    return (labels[:, None] == every).to(torch.get_default_dtype())


def is_streamed(images: Images | MappedImages, device: torch.device) -> bool:
    """Whether images are read as they are asked for, rather than kept on the device."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return images.nbytes > free // GPU_MEMORY_PART
    return isinstance(images, MappedImages)


def to_device(array: np.ndarray | MappedImages, device: torch.device | str) -> Tensor:
    """An array as a tensor on `device`; copied only where it must be."""
    if isinstance(array, MappedImages):
        kind = torch.uint8 if array.dtype == np.uint8 else torch.float32
        whole, start = torch.empty(array.shape, dtype=kind, device=device), 0
        for part in chunks(array):
            whole[start : start + len(part)] = torch.from_numpy(part)
            start += len(part)
        return whole
    return torch.from_numpy(np.require(array, requirements=["C", "W"])).to(device)
