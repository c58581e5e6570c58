"""The seed's data on disk: Kaggle's CSV, and the PNG files in class folders made from it."""

import csv
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from benchmarks.images import Images
from benchmarks.timing import timed


class PngFolder(Dataset[tuple[Tensor, Tensor]]):
    """Images of class folders, each opened when it is asked for.

    The seed opens them with OpenCV, which is not needed here otherwise; Pillow takes about as long.
    """

    def __init__(self, folder: Path) -> None:
        self.files = [
            (str(path), int(name)) for name in sorted(os.listdir(folder))
            for path in (folder / name).glob("*.png")
        ]  # fmt: skip

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """The pixels in [-1, 1], float64 `(1, h, w)` as in the seed, and the class."""
        path, label = self.files[index]
        pixels = 2 * (np.array(Image.open(path)) / 255) - 1
        return torch.from_numpy(pixels)[None], torch.as_tensor(label)


def write_pngs(folder: Path, images: Images) -> None:
    """Write class folders of PNG files."""
    for label in np.unique(images.labels):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
    pairs = zip(images.pixels, images.labels, strict=True)
    for number, (pixels, label) in enumerate(pairs):
        Image.fromarray(pixels[0]).save(folder / str(label) / f"{number}.png")


def write_csv(path: Path, images: Images) -> None:
    """Write Kaggle's form: a header, then a label and 784 pixels in each line."""
    rows = images.pixels.reshape(len(images), -1)
    with path.open("w", encoding="ascii") as file:
        file.write(",".join(["label", *(f"pixel{i}" for i in range(rows.shape[1]))]) + "\n")
        for label, row in zip(images.labels.tolist(), rows.tolist(), strict=True):
            file.write(f"{label},{','.join(map(str, row))}\n")


def extract(path: Path, folder: Path, count: int) -> None:
    """PNG files from the first `count` lines of a CSV, line by line as the seed makes them."""
    side = 0
    with path.open(encoding="ascii") as file:
        for number, row in enumerate(csv.reader(file)):
            if number > count:
                return
            if number == 0:
                side = round((len(row) - 1) ** 0.5)
                continue
            pixels = np.array(list(map(int, row[1:])), np.uint8).reshape(side, side)
            place = folder / row[0]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(place / f"{number}.png")


def extraction(path: str, folder: str, count: int) -> Callable[[int], float]:
    """The first lines of a CSV file to PNG files, for a side of that kind."""
    place = Path(folder) / "extracted"

    def once(_count: int) -> float:
        seconds = timed(lambda: extract(Path(path), place, count))
        shutil.rmtree(place)
        return seconds

    return once
