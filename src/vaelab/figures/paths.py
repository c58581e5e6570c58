"""Ways from one code to another."""

from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float

Code: TypeAlias = Float[np.ndarray, " d"]
Times: TypeAlias = Float[np.ndarray, " n"]
PathName = Literal["straight", "spherical"]

PARALLEL = 1e-6
"""Two codes with a smaller sine between them lie on one line through the origin."""


def straight(start: Code, end: Code, t: Times) -> Float[np.ndarray, "n d"]:
    """z(t) = (1 - t) start + t end."""
    return np.asarray((1 - t)[:, None] * start + t[:, None] * end)


def spherical(start: Code, end: Code, t: Times) -> Float[np.ndarray, "n d"]:
    """An arc around the origin, on which direction and norm go evenly from start to end.

    With w the angle between them, the direction is [sin((1 - t) w) u + sin(t w) v] / sin w for
    the unit vectors u and v; for codes on one line through the origin the way is straight.
    "Sampling generative networks" (White, 2016, section 2.1, arXiv 1609.04468).
    """
    norms = np.linalg.norm([start, end], axis=1)
    if not norms.all():
        return straight(start, end, t)
    u, v = start / norms[0], end / norms[1]
    angle = np.arccos(np.clip(u @ v, -1, 1))
    if np.sin(angle) < PARALLEL:
        return straight(start, end, t)
    weights = np.sin(np.stack([1 - t, t], 1) * angle) / np.sin(angle)
    norm = (1 - t) * norms[0] + t * norms[1]
    return np.asarray(norm[:, None] * (weights @ np.stack([u, v])), start.dtype)
