"""The published fixed binarisation, and images that are black and white already."""

from pathlib import Path

import numpy as np
import pytest
from tests.training.conftest import tiny

from vaelab.data import BinarizedMnistData, BinaryPixels, NpzData, Split
from vaelab.errors import BadValueError, MissingFileError
from vaelab.evaluation.evaluate import evaluate
from vaelab.training import train

SIZES = {"train": 50, "valid": 12, "test": 15}
SIDE = 4


def bits(name: str) -> np.ndarray:
    draws = np.random.default_rng(list(SIZES).index(name))
    return draws.integers(2, size=(SIZES[name], SIDE**2))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in SIZES:
        lines = [" ".join(map(str, row)) for row in bits(name)]
        (tmp_path / f"binarized_mnist_{name}.amat").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_the_files_are_the_splits_as_they_lie(folder: Path) -> None:
    store = BinarizedMnistData(path=folder).load()
    for name, split in store.splits.items():
        wanted = 255 * bits(name).reshape(-1, 1, SIDE, SIDE)
        np.testing.assert_array_equal(split.images, wanted)
        assert (split.labels == 0).all()
    assert store.classes == ("digit",)
    again = BinarizedMnistData(path=folder, seed=7).load()
    assert again.checksum == store.checksum  # no seed has a part in it


@pytest.mark.parametrize(("validation", "left"), [(0, 62), (10, 52)])
def test_another_number_is_held_out_of_both_files(folder: Path, validation: int, left: int) -> None:
    store = BinarizedMnistData(path=folder, validation=validation).load()
    assert (len(store.train), len(store.valid), len(store.test)) == (left, validation, 15)


def test_a_model_of_it_is_measured_as_of_given_pixels(folder: Path) -> None:
    data = f"data={{kind: binarized_mnist, path: '{folder}'}}"
    run = train(tiny(data, "model.likelihood=bernoulli", "training.epochs=1"), folder / "runs").run
    assert evaluate(run, samples=2).pixels == "given binary"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 1 1 0\n0 1 0.5 0\n", "line 2: 6 characters besides blanks, where zeros and ones"),
        ("0 1 1 0\n0 1 0\n", "line 2: 3 characters besides blanks.* 4 in every line"),
        ("0 1 1\n1 1 1\n", "2 lines of 3 pixels, which are no square images"),
        ("\n", "0 lines of 0 pixels"),
    ],
)
def test_what_is_no_binary_image_is_refused(folder: Path, text: str, words: str) -> None:
    (folder / "binarized_mnist_test.amat").write_text(text)
    with pytest.raises(BadValueError, match=rf"binarized_mnist_test\.amat.*{words}"):
        BinarizedMnistData(path=folder).load()


def test_what_is_missing_is_named(folder: Path) -> None:
    (folder / "binarized_mnist_valid.amat").unlink()
    with pytest.raises(MissingFileError, match=r"lacks binarized_mnist_valid\.amat; .*toronto"):
        BinarizedMnistData(path=folder).load()


def test_given_pixels_are_black_and_white_or_refused(tmp_path: Path) -> None:
    pixels = BinaryPixels(mode="given")
    images = 255 * bits("test").astype(np.uint8).reshape(-1, 1, SIDE, SIDE)
    split = Split(images, np.zeros(len(images), np.int64))
    assert pixels.freeze(split, seed=0).images is split.images
    assert not pixels.dynamic
    grey = images.copy()
    grey[3, 0, 1] = 128
    with pytest.raises(BadValueError, match=r"4 of 240 pixels are grey, such as 128; use"):
        pixels.freeze(Split(grey, split.labels), seed=0)
    np.savez(tmp_path / "grey.npz", images=grey[:, 0], labels=split.labels)
    with pytest.raises(BadValueError, match="mode is `given`"):
        NpzData(path=tmp_path / "grey.npz", pixels=pixels).load()
