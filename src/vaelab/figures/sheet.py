"""Many small pictures on one."""

import numpy as np
from jaxtyping import Int64, UInt8

PAPER = 255
ROOM = 760
"""Width that small pictures are magnified to fill, pixels."""
MAX_SHEET_SIDE = 1080
"""Width that large pictures are made smaller to stay within, pixels."""


def tile(
    pictures: UInt8[np.ndarray, "rows columns h w c"], gap: int = 0, paper: int = PAPER
) -> UInt8[np.ndarray, "height width c"]:
    """Rows and columns of pictures as one, `gap` pixels of paper between them and half around.

    Every cell is as large as any other: picture and gap.
    """
    rows, columns, height, width, channels = pictures.shape
    cells = np.full((rows, columns, height + gap, width + gap, channels), paper, np.uint8)
    top = gap // 2
    cells[:, :, top : top + height, top : top + width] = pictures
    sheet = cells.transpose(0, 2, 1, 3, 4)
    return sheet.reshape(rows * (height + gap), columns * (width + gap), channels)


def ground(pictures: UInt8[np.ndarray, "... h w c"]) -> int:
    """Black or white, whichever is nearer to the upper edges of most."""
    return PAPER if np.median(pictures[..., 0, :, :]) > PAPER / 2 else 0


def magnify(
    pictures: UInt8[np.ndarray, "... h w c"], factor: int
) -> UInt8[np.ndarray, "... height width c"]:
    """Every pixel as a square of `factor` x `factor`."""
    return pictures.repeat(factor, axis=-3).repeat(factor, axis=-2)


def fitting(length: int, room: int = ROOM) -> int:
    """The largest whole magnification of `length` pixels that stays within `room`; at least 1."""
    return max(1, room // length)


def fitting_both(width: int, height: int, room: int = ROOM) -> int:
    """As `fitting`, of a sheet that may be half as high again as it is wide."""
    return min(fitting(width, room), fitting(height, room * 3 // 2))


def largest_side(columns: int) -> int:
    """The side that pictures may have where so many stand beside each other."""
    return max(4, MAX_SHEET_SIDE // columns)


def on_grid(
    pictures: UInt8[np.ndarray, "n h w c"], columns: int
) -> UInt8[np.ndarray, "rows columns h w c"]:
    """Pictures row by row, the last row filled up with paper."""
    count, *shape = pictures.shape
    rows = -(-count // columns)
    grid = np.full((rows * columns, *shape), PAPER, np.uint8)
    grid[:count] = pictures
    return grid.reshape(rows, columns, *shape)


def spread(count: int, chosen: int) -> Int64[np.ndarray, " chosen"]:
    """Indices evenly spread over `count`, the first and the last among them."""
    return np.linspace(0, count - 1, chosen).round().astype(np.int64)
