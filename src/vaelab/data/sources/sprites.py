"""Sprites drawn from known factors: shape, scale, rotation and place, over their whole grid."""

from itertools import product
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Float
from pydantic import Field

from vaelab.data.raw import Raw, undivided
from vaelab.data.source import UndividedSource
from vaelab.data.store import ImageSpec, Split

SHAPES = ("square", "ellipse", "heart")
FACTORS = ("shape", "scale", "rotation", "x", "y")
PERIODS = (np.pi / 2, np.pi, 2 * np.pi)
"""The angle at which each shape falls onto itself."""
SIDE = 0.37
"""Side of the largest square, a part of the image's; all shapes of a scale have the same area."""
REACH = 0.8
"""The farthest that a shape of area 1 reaches from its centre: the ellipse, sqrt(2 / pi)."""
HEART_AREA, HEART_CENTRE = 3.662, 0.293
"""Of (u^2 + v^2 - 1)^3 <= u^2 v^3: its area, and v of its centroid."""


class SpritesData(UndividedSource):
    """White shapes on black, one for every value of five known factors, drawn as they are needed.

    Square, ellipse and heart at every scale, rotation, x and y, and the factors are kept beside the
    images, in this order, as indices from 0; the labels are the shapes. A pixel is white where its
    centre is inside, so that `pixels: {kind: binary, mode: static}` changes none. Rotation r of R
    turns a shape by r / R of its own period, a quarter of the circle for the square, half for the
    ellipse, all for the heart: no two images of the default grid are the same. dSprites turns all
    three by the whole circle, so that its squares look the same at several rotations; its grid,
    737,280 images, is the largest here.
    """

    advice = """Use it to see, and to measure by MIG, DCI, SAP and modularity, whether each
        dimension of a code stands for one thing."""
    references = '"dSprites: Disentanglement testing Sprites dataset" (Matthey et al., 2017)'

    name: ClassVar[str] = "sprites"
    kind: Literal["sprites"] = "sprites"
    size: Literal[32, 64] = 32
    """Height and width of the images, pixels."""
    scales: int = Field(default=4, ge=2, le=6)
    """Scales, from half the largest to the largest."""
    rotations: int = Field(default=8, ge=1, le=40)
    """Rotations of each shape; 1: upright."""
    positions: int = Field(default=12, ge=2, le=32)
    """Places along x and as many along y, in which the largest shape is inside the image."""

    @property
    def grid(self) -> tuple[int, ...]:
        """How many values each factor has."""
        return len(SHAPES), self.scales, self.rotations, self.positions, self.positions

    def image_spec(self) -> ImageSpec:
        return ImageSpec((1, self.size, self.size), len(SHAPES))

    def raw(self) -> Raw:
        """All images, the last factor changing fastest."""
        images = np.empty((*self.grid, self.size, self.size), np.uint8)
        for shape, scale, rotation in product(*map(range, self.grid[:3])):
            images[shape, scale, rotation] = 255 * self._everywhere(shape, scale, rotation)
        factors = np.indices(self.grid).reshape(len(self.grid), -1).T
        whole = Split(
            images.reshape(-1, 1, self.size, self.size),
            factors[:, 0].astype(np.int64),
            np.ascontiguousarray(factors, np.int64),
        )
        return undivided(whole, SHAPES, FACTORS)

    def _everywhere(self, shape: int, scale: int, rotation: int) -> Bool[np.ndarray, "x y h w"]:
        side = SIDE * np.linspace(0.5, 1, self.scales)[scale]
        places = np.linspace(REACH * SIDE, 1 - REACH * SIDE, self.positions)
        pixels = (np.arange(self.size) + 0.5) / self.size
        away = (pixels - places[:, None]) / side  # (places, pixels), from the centre
        right, up = away[:, None, None, :], -away[None, :, :, None]
        angle = PERIODS[shape] * rotation / self.rotations
        # into the shape's own frame, which is turned counter-clockwise
        u = np.cos(angle) * right + np.sin(angle) * up
        v = np.cos(angle) * up - np.sin(angle) * right
        return inside(shape, u, v)


def inside(
    shape: int, u: Float[np.ndarray, "..."], v: Float[np.ndarray, "..."]
) -> Bool[np.ndarray, "..."]:
    """Whether points are in a shape of area 1 around the origin, v up."""
    if SHAPES[shape] == "square":
        level = np.maximum(np.abs(u), np.abs(v)) - 0.5
    elif SHAPES[shape] == "ellipse":
        # semi-axes sqrt(2 / pi) and half of that
        level = u**2 + 4 * v**2 - 2 / np.pi
    else:
        u, v = u * np.sqrt(HEART_AREA), v * np.sqrt(HEART_AREA) + HEART_CENTRE
        level = (u**2 + v**2 - 1) ** 3 - u**2 * v**3
    return np.asarray(level <= 0)
