"""Small data files of every kind."""

import gzip
from pathlib import Path

import numpy as np
from PIL import Image


def write_idx(path: Path, array: np.ndarray) -> Path:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()
    content = header + array.astype(np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def write_csv(path: Path, images: np.ndarray, labels: np.ndarray) -> Path:
    pixels = images.reshape(len(images), -1)
    lines = [",".join(["label", *(f"pixel{i}" for i in range(pixels.shape[1]))])]
    for label, row in zip(labels, pixels, strict=True):
        lines.append(",".join(map(str, [label, *row])))
    path.write_text("\n".join(lines) + "\n")
    return path


def write_png(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path
