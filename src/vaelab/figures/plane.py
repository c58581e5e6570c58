"""The plane in latent space that pictures are drawn on."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from vaelab.data.formats.untrusted import MAX_NUMBER_RATIO, open_archive
from vaelab.errors import BadValueError
from vaelab.files import write_whole

OUTSIDE = 0.005
"""Share of the points that may lie beyond each end of an axis."""
MARGIN = 0.06
"""Room left at each end of an axis, as a part of its length."""
MIN_WINDOW = 0.1
"""Shortest axis, in standard deviations of the prior: a collapsed code is drawn as a dot."""


@dataclass(frozen=True, eq=False)
class Plane:
    """mean + a components[0] + b components[1]: the code itself in two dimensions, else PCA.

    A code of one dimension has a line: one component, and points of one coordinate.

    Attributes:
        mean: `(d,)`.
        components: `(k, d)` with k = min(2, d), orthonormal rows.
        explained: part of the codes' variance that lies in the plane; 1 for d <= 2.
    """

    mean: Float[np.ndarray, " d"]
    components: Float[np.ndarray, "k d"]
    explained: float = 1.0

    @classmethod
    def fit(cls, codes: Float[np.ndarray, "n d"], former: "Plane | None" = None) -> "Plane":
        """The first two principal components of the codes, turned like the former plane.

        Without a former plane, the largest entry of each component is positive.
        """
        dimensions = codes.shape[1]
        if dimensions <= 2:
            return cls(np.zeros(dimensions, codes.dtype), np.eye(dimensions, dtype=codes.dtype))
        mean = codes.mean(0, dtype=np.float64)
        centred = codes - mean
        variances, directions = np.linalg.eigh(centred.T @ centred / len(codes))
        components = directions[:, :-3:-1].T
        if former is not None and former.components.shape == components.shape:
            towards = (components * former.components).sum(1)
        else:
            towards = components[[0, 1], np.abs(components).argmax(1)]
        components = components * np.where(towards < 0, -1, 1)[:, None]
        total = variances.sum()
        explained = float(variances[-2:].sum() / total) if total > 0 else 1.0
        return cls(mean.astype(codes.dtype), components.astype(codes.dtype), explained)

    @property
    def axis_names(self) -> tuple[str, ...]:
        """z1 and z2 where the plane is the code itself, else PC1 and PC2."""
        count, dimensions = self.components.shape
        letter = "z" if dimensions == count else "PC"
        return tuple(f"{letter}{axis}" for axis in range(1, count + 1))

    def project(self, codes: Float[np.ndarray, "... d"]) -> Float[np.ndarray, "... k"]:
        """Codes to points of the plane."""
        return np.asarray((codes - self.mean) @ self.components.T)

    def lift(self, points: Float[np.ndarray, "... k"]) -> Float[np.ndarray, "... d"]:
        """Points of the plane to codes; projecting them again gives the points."""
        return np.asarray(points @ self.components + self.mean)

    def save(self, path: Path) -> Path:
        """Write mean and components as .npz."""
        return write_whole(path, lambda file: np.savez(file, **asdict(self)))

    @classmethod
    def load(cls, path: Path) -> "Plane":
        """Read what `save` wrote."""
        with open_archive(path, ratio=MAX_NUMBER_RATIO) as archive:
            mean, components, explained = map(archive.read, ("mean", "components", "explained"))
        good = mean.ndim == 1 and components.ndim == 2 and components.shape[1:] == mean.shape
        numbers = all(one.dtype.kind == "f" and np.isfinite(one).all()
                      for one in (mean, components, explained))  # fmt: skip
        if not (good and numbers and explained.shape == () and 1 <= len(components) <= 2):
            raise BadValueError(f"{path} is damaged: it holds no plane; remove it")
        return cls(mean, components, float(explained))


def window(points: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "k 2"]:
    """Where each axis begins and ends so that it holds nearly all points, both equally long.

    Half a percent of the points may lie beyond each end, so that a few stray ones do not squash
    the rest.
    """
    low, high = np.quantile(points.astype(np.float64), [OUTSIDE, 1 - OUTSIDE], axis=0)
    margin = MARGIN * (high - low).max()
    return squared(low - margin, high + margin)


def squared(
    low: Float[np.ndarray, " k"], high: Float[np.ndarray, " k"]
) -> Float[np.ndarray, "k 2"]:
    """Axes as long as the longest of those given, around the same centres."""
    half = max(float((high - low).max()), MIN_WINDOW) / 2
    centre = (low + high) / 2
    return np.stack([centre - half, centre + half], axis=1)
