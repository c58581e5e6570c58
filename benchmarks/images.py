"""Images to measure with: the real MNIST where its folder is known, else blobs."""

import gzip
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CLASSES = 10
DIFFERENT = 10_000
"""Blobs that are drawn; more than these are the same ones again, each in memory of its own."""


@dataclass(frozen=True, eq=False)
class Images:
    """Pixels `(n, 1, side, side)` uint8 and labels `(n,)` int64."""

    name: str
    pixels: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.pixels)

    def first(self, count: int) -> "Images":
        """The first `count` of them."""
        return Images(self.name, self.pixels[:count], self.labels[:count])

    def save(self, path: Path) -> None:
        """Write them for `load`."""
        np.savez(path, name=np.array(self.name), pixels=self.pixels, labels=self.labels)


def load(path: str) -> Images:
    """Images that were saved."""
    with np.load(path) as file:
        return Images(str(file["name"]), file["pixels"], file["labels"])


def mnist_folder() -> Path | None:
    """The folder of the four IDX files, named by VAELAB_MNIST."""
    folder = os.environ.get("VAELAB_MNIST")
    return Path(folder).expanduser() if folder else None


def digits(part: str) -> Images:
    """60,000 (`train`) or 10,000 (`test`) images: MNIST where it is known, else blobs."""
    folder = mnist_folder()
    if folder is None:
        return blobs(60_000, 28, 0) if part == "train" else blobs(10_000, 28, 1)
    prefix = "train" if part == "train" else "t10k"
    pixels = _idx(folder, f"{prefix}-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28)
    labels = _idx(folder, f"{prefix}-labels-idx1-ubyte", 8).astype(np.int64)
    return Images("MNIST", pixels, labels)


def blobs(count: int, side: int, seed: int = 0) -> Images:
    """One bright spot an image, where its class has it, moved and widened at random."""
    draws = np.random.default_rng(seed)
    drawn = min(count, DIFFERENT)
    labels = draws.integers(0, CLASSES, drawn)
    angle = 2 * np.pi * labels / CLASSES
    grid = (np.arange(side, dtype=np.float32) + 0.5) / side
    profiles = []
    for centre in (np.sin(angle), np.cos(angle)):
        middle = 0.5 + 0.25 * centre + draws.normal(0, 0.03, drawn)
        width = draws.uniform(0.06, 0.14, drawn)
        profiles.append(np.exp(-(((grid - middle[:, None]) / width[:, None]) ** 2)))
    rows, columns = (profile.astype(np.float32) for profile in profiles)
    pixels = np.empty((drawn, 1, side, side), np.uint8)
    for start in range(0, drawn, 500):
        part = slice(start, start + 500)
        pixels[part, 0] = 255 * rows[part, :, None] * columns[part, None, :]
    index = np.arange(count) % drawn
    return Images("synthetic blobs", pixels[index], labels[index].astype(np.int64))


def _idx(folder: Path, name: str, header: int) -> np.ndarray:
    plain, packed = folder / name, folder / f"{name}.gz"
    if plain.is_file():
        content = plain.read_bytes()
    elif packed.is_file():
        content = gzip.decompress(packed.read_bytes())
    else:
        raise FileNotFoundError(
            f"VAELAB_MNIST is {folder}, which has neither {name} nor {name}.gz; name the folder of "
            "the four IDX files, or unset it to measure with synthetic images"
        )
    return np.frombuffer(content, np.uint8, offset=header)
