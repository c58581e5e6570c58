"""Features have names and shapes; the classifier's are learned once and kept."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import Tensor

import vaelab.quality.classifier
from vaelab.data import BinaryPixels, DigitsData, Split, Store, UnitPixels
from vaelab.errors import BadCombinationError, BadValueError
from vaelab.quality import Features, classifier_features, pixel_features
from vaelab.quality.classifier import accuracy, train_classifier

STORE = DigitsData().load()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VAELAB_CACHE", str(tmp_path))
    monkeypatch.setattr(vaelab.quality.classifier, "STEPS", 60)
    return tmp_path / "features"


def made(store: Store = STORE) -> Tensor:
    return classifier_features(store, UnitPixels()).of(STORE.test.images[:9], "nine")


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(vaelab.quality.classifier, "train_classifier", refuse)


def test_the_classifier_learns_and_its_features_have_mean_square_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vaelab.quality.classifier, "STEPS", 200)
    classifier = train_classifier(STORE.train, 10, UnitPixels())
    assert accuracy(classifier, STORE.test, UnitPixels()) > 0.9
    every = Features("all", classifier.features).of(STORE.train.images, "all")
    assert every.shape == (len(STORE.train), 64)
    assert every.square().mean() == pytest.approx(1, abs=1e-5)
    # nearest others under the features are mostly of the class
    distances = torch.cdist(every, every).fill_diagonal_(torch.inf)
    same = STORE.train.labels[distances.argmin(1).numpy()] == STORE.train.labels
    assert same.mean() > 0.95


def test_it_is_learned_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = classifier_features(STORE, UnitPixels())
    (path,) = folder.iterdir()
    with safe_open(path, framework="pt") as file:
        known = file.metadata()["vaelab"]
    assert f'"version": {vaelab.quality.classifier.VERSION}' in known
    assert '"steps": 60' in known
    assert first.name == "classifier_v1"
    forbid(monkeypatch)
    again = classifier_features(STORE, UnitPixels())
    assert again.about == first.about
    one, other = (features.of(STORE.test.images, "test") for features in (first, again))
    assert torch.equal(one, other)


def test_the_same_seed_learns_the_same(folder: Path) -> None:
    first = made()
    (path,) = folder.iterdir()
    path.unlink()
    assert torch.equal(made(), first)


@pytest.mark.parametrize("damage", ["", "short", "header", "metadata"])
def test_a_damaged_file_is_made_again(folder: Path, damage: str) -> None:
    first = made()
    (path,) = folder.iterdir()
    content = path.read_bytes()
    other = {"": b"", "short": content[:1000], "header": b"\xff" * 100}
    path.write_bytes(other.get(damage, content.replace(b"test_accuracy", b"test_accurate")))
    assert torch.equal(made(), first)
    assert path.read_bytes() == content


@pytest.mark.slow
def test_other_data_pixels_and_versions_are_learned_apart(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made()
    made(DigitsData(seed=1).load())
    classifier_features(STORE, BinaryPixels())
    monkeypatch.setattr(vaelab.quality.classifier, "VERSION", 2)
    assert classifier_features(STORE, UnitPixels()).name == "classifier_v2"
    assert len(list(folder.iterdir())) == 4


def test_without_a_place_to_keep_it_the_numbers_are_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = made()
    blocked = folder.parent / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("VAELAB_CACHE", str(blocked))
    assert torch.equal(made(), first)
    assert "could not be kept" in caplog.text


def test_data_of_one_class_has_no_classifier() -> None:
    one = Split(STORE.train.images, np.zeros_like(STORE.train.labels))
    with pytest.raises(BadCombinationError, match="faces has one; use the features `pixels`"):
        classifier_features(Store("faces", one, one, one, ("all",), ""), UnitPixels())


def test_pixels_are_features_and_large_images_are_averaged_down() -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 64, 48), np.uint8)
    features = pixel_features().of(images, "four")
    assert features.shape == (4, 3 * 32 * 24)
    assert features[2, 0] == pytest.approx(images[2, 0, :2, :2].mean() / 255)
    small = pixel_features().of(images[..., :8, :8], "four")
    np.testing.assert_allclose(small, images[..., :8, :8].reshape(4, -1) / 255, atol=1e-7)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x, r"must be a tensor \(9, f\), got \(9, 1, 8, 8\); flatten"),
        (lambda x: x.flatten(1)[:3], r"got \(3, 64\)"),
        (lambda x: x.mean(), r"got \(\)"),
        (lambda x: x.flatten(1).numpy(), "got ndarray"),
        (lambda x: x.flatten(1).log(), "not finite"),
    ],
)
def test_functions_that_give_no_features(function: object, message: str) -> None:
    with pytest.raises(BadValueError, match=message):
        Features("mine", function).of(STORE.test.images[:9], "nine")


@pytest.mark.parametrize("name", ["", "Inception", "a b", "../x", "1st"])
def test_a_name_goes_into_file_names(name: str) -> None:
    with pytest.raises(BadValueError, match="small letters"):
        Features(name, lambda x: x)
