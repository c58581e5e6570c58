"""Positions of an image gathered into patches, and patches scattered back, by index.

A convolution is a gather and a matrix product; its transpose is the product and a scatter.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor


class Windows:
    """Where a sliding kernel reads an image, without padding.

    Args:
        shape: height and width of the image.
        kernel: height and width of the window.
        stride: from one window to the next, the same on both sides.

    Attributes:
        index: the position (row * width + column) of every pixel of every window, windows row by
            row, pixels row by row within each.
        size: positions of the image, height * width.
        tile: whether every position is in one window.
    """

    def __init__(self, shape: tuple[int, int], kernel: tuple[int, int], stride: int) -> None:
        self.size = shape[0] * shape[1]
        positions = torch.arange(self.size).view(shape)
        windows = positions.unfold(0, kernel[0], stride).unfold(1, kernel[1], stride)
        self.index: Int64[Tensor, " k"] = windows.reshape(-1).contiguous()
        self.tile = torch.equal(self.index.sort().values, positions.view(-1))
        if self.tile:  # they only put the positions in another order
            self._inverse = torch.argsort(self.index)
            pixels = kernel[0] * kernel[1]
            within, window = self._inverse % pixels, self._inverse // pixels
            self._inverse_of_columns = within * (self.size // pixels) + window

    def gather(self, x: Float[Tensor, "n size c"]) -> Float[Tensor, "n k c"]:
        """The pixels of all windows."""
        return x.index_select(1, self.index)

    def scatter(self, patches: Float[Tensor, "n k c"]) -> Float[Tensor, "n size c"]:
        """The adjoint of `gather`: every pixel the sum over the windows that hold it."""
        if self.tile:
            return patches.index_select(1, self._inverse)
        image = patches.new_zeros(len(patches), self.size, patches.shape[-1])
        return image.index_add_(1, self.index, patches)

    def scatter_columns(self, columns: Float[Tensor, "n k w"]) -> Float[Tensor, "n size 1"]:
        """`scatter` of one channel, given pixels by windows, for windows that tile the image."""
        image = columns.flatten(1).index_select(1, self._inverse_of_columns)
        return image.unsqueeze(-1)
