from pathlib import Path

import numpy as np
import pytest
from datafiles import write_idx
from shardfiles import fill


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the user's cache."""
    folder = tmp_path_factory.mktemp("own") / "cache"
    monkeypatch.setenv("VAELAB_CACHE", str(folder))
    return folder


@pytest.fixture
def digits() -> tuple[np.ndarray, np.ndarray]:
    """40 random 4x4 images of the classes 0 to 3, `(40, 4, 4)` and `(40)`."""
    draws = np.random.default_rng(0)
    return draws.integers(256, size=(40, 4, 4), dtype=np.uint8), np.arange(40) % 4


@pytest.fixture
def idx_folder(tmp_path: Path, digits: tuple[np.ndarray, np.ndarray]) -> Path:
    """The four files: 30 images for training, 10 for test."""
    images, labels = digits
    folder = tmp_path / "idx"
    write_idx(folder / "train-images-idx3-ubyte.gz", images[:30])
    write_idx(folder / "train-labels-idx1-ubyte", labels[:30])
    write_idx(folder / "t10k-images.idx3-ubyte", images[30:])
    write_idx(folder / "t10k-labels.idx1-ubyte.gz", labels[30:])
    return folder


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """200 training images in 6 unequal shards, 9 for validation and 7 for the test."""
    fill(tmp_path / "set", 60, 1, 50, 39, 30, 20)
    fill(tmp_path / "set", 9, split="valid", start=210)
    return fill(tmp_path / "set", 4, 3, split="test", start=220)
