"""How the training images are drawn, so that a drawing can be made like them."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch.nn.functional import interpolate

PLAIN = 0.9
"""Share of the corners that have one brightness where images are drawn on a ground."""
NEAR = 0.1
"""In brightness, of that ground."""
THRESHOLD = 0.2
"""Of the ink: what is less is the soft edge of a stroke."""
FINE = 4
"""How much finer than its pixels an image is when the length of its edges is measured."""


def measure_ink(images: Float[np.ndarray, "n c h w"]) -> dict[str, Any] | None:
    """Ground, ink, size, place and stroke of drawings of brightness 0 to 1; None: of pictures."""
    grey = images.mean(axis=1)
    corners = grey[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    ground = float(np.median(corners))
    if (np.abs(corners - ground) < NEAR).mean() < PLAIN:
        return None
    sign = 1 if (grey - ground).sum() >= 0 else -1
    ink = np.maximum(sign * (grey - ground), 0)
    most = ink.max(axis=(1, 2))
    level = float(np.median(most))
    if level < THRESHOLD:
        return None
    ink = ink[most > THRESHOLD * level] / level
    inked = ink > THRESHOLD
    sides = [_extent(inked.any(axis=axis)) for axis in (2, 1)]
    boxes = np.stack([side.mean(axis=1) for side in sides])
    masses = np.stack([_mean_place(ink.sum(axis=axis)) for axis in (2, 1)])
    centre = min((masses, "mass"), (boxes, "box"), key=lambda one: float(one[0].std(axis=1).sum()))
    strokes, mass = _strokes(ink), ink.sum(axis=(1, 2))
    by_mass = _varies(mass) < _varies(strokes)
    longest = np.stack([side[:, 1] - side[:, 0] for side in sides]).max(axis=0)
    return {
        "ground": round(ground, 4), "ink": round(ground + sign * level, 4),
        "longest": float(np.median(longest)), "stroke": round(float(np.median(strokes)), 3),
        "mass": round(float(np.median(mass)), 2) if by_mass else None,
        "centre": centre[1], "at": [round(float(one), 3) for one in centre[0].mean(axis=1)],
    }  # fmt: skip


def _varies(values: Float[np.ndarray, " n"]) -> float:
    return float(values.std() / values.mean())


def _extent(inked: Bool[np.ndarray, "n side"]) -> Float[np.ndarray, "n 2"]:
    """Where the ink begins and ends."""
    size = inked.shape[1]
    return np.stack([inked.argmax(axis=1), size - inked[:, ::-1].argmax(axis=1)], axis=1) * 1.0


def _mean_place(profile: Float[np.ndarray, "n side"]) -> Float[np.ndarray, " n"]:
    places: np.ndarray = np.arange(profile.shape[1]) + 0.5
    means: np.ndarray = profile @ places / profile.sum(axis=1)
    return means


def _strokes(ink: Float[np.ndarray, "n h w"]) -> Float[np.ndarray, " n"]:
    """Width of the stroke with round ends that has the area and the edge of each drawing.

    A line of length L and width w has the area A = L w + pi w^2 / 4 and the edge P = 2 L + pi w:
    w = (P - sqrt(P^2 - 4 pi A)) / pi. The edge is the total variation.
    """
    padded = torch.from_numpy(np.pad(ink, ((0, 0), (1, 1), (1, 1))))
    fine = interpolate(padded[:, None], scale_factor=FINE, mode="bilinear")[:, 0].numpy()
    down, across = np.diff(fine, axis=1)[:, :, :-1], np.diff(fine, axis=2)[:, :-1]
    edge = np.hypot(down, across).sum(axis=(1, 2)) / FINE
    area = ink.sum(axis=(1, 2))
    widths: np.ndarray = (edge - np.sqrt(np.maximum(edge**2 - 4 * np.pi * area, 0))) / np.pi
    return widths
