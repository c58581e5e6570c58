import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vaelab.data import NpzData
from vaelab.errors import BadValueError, MissingFileError


def save(path: Path, **named: Any) -> NpzData:
    np.savez_compressed(path, **named)
    return NpzData(path=path, validation=0)


shapes = st.sampled_from([(12, 3, 5), (12, 4, 4, 1), (12, 5, 4, 3), (12, 3, 5, 4), (12, 1, 2, 2)])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(shapes.flatmap(lambda shape: arrays(np.uint8, shape)))
def test_round_trip(tmp_path: Path, images: np.ndarray) -> None:
    labels = np.arange(12) % 2
    config = save(tmp_path / "a.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    store = config.load()
    wanted = images.reshape(12, -1, *images.shape[-2:])
    if images.ndim == 4 and images.shape[3] in (1, 3):
        wanted = np.moveaxis(images, 3, 1)
    assert np.array_equal(store.train.images, wanted)
    assert np.array_equal(store.test.images, wanted)
    assert np.array_equal(store.train.labels, labels)


def test_without_labels_all_are_of_one_class(
    tmp_path: Path, digits: tuple[np.ndarray, np.ndarray]
) -> None:
    images, _ = digits
    for named in ({"images": images}, {"x": images}, {"x_train": images, "x_test": images}):
        store = save(tmp_path / "a.npz", **named).load()
        assert store.classes == ("0",)
        assert not store.train.labels.any()


def test_images_and_labels_alone_are_divided(
    tmp_path: Path, digits: tuple[np.ndarray, ...]
) -> None:
    images, labels = digits
    store = save(tmp_path / "own.npz", images=images, labels=labels[:, None]).load()
    assert len(store.train) == 32
    assert len(store.test) == 8
    assert store.name == "own"


X, Y = np.zeros((4, 2, 2), dtype=np.uint8), np.arange(4)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"pixels": X}, r"no array `images`, only pixels; .* without labels all are of one class"),
        ({"x_train": X, "x_test": X, "y_test": Y}, r"no array `y_train`, only x_train"),
        ({"x_train": X, "y_train": Y}, r"no array `x_test`"),
        ({"x_test": X, "y_test": Y}, r"no array `x_train`"),
        ({}, r"no array `images`, only nothing"),
        ({"images": X / 255, "labels": Y}, r"`images`: dtype float64.*\(x \* 255\)\.round"),
        ({"images": X.astype(np.int64), "labels": Y}, r"dtype int64.*astype\(np\.uint8\)"),
        ({"images": X > 0, "labels": Y}, r"dtype bool"),
        ({"images": X, "labels": Y / 2}, r"`labels`: dtype float64, but labels are integers"),
        ({"images": X, "labels": np.eye(4, dtype=int)}, r"shape \(4, 4\).*argmax"),
        ({"images": X, "labels": Y[:3]}, r"4 images but 3 labels"),
        ({"images": X, "labels": Y - 2}, r"label 0 \(counted from 0\) is -2; labels are integers"),
        ({"images": X[:0], "labels": Y[:0]}, r"no images"),
        ({"images": X[0], "labels": Y}, r"shape \(2, 2\); wanted is \(n, h, w\)"),
        ({"images": np.zeros((4, 2, 2, 2), np.uint8), "labels": Y}, r"shape \(4, 2, 2, 2\)"),
        ({"images": X, "labels": np.array(list("abcd"))}, r"dtype <U1, but labels are integers"),
    ],
)
def test_wrong_arrays(tmp_path: Path, named: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(BadValueError, match=message) as caught:
        save(tmp_path / "own.npz", **named).load()
    assert "own.npz" in str(caught.value)


def test_pickled_objects_are_never_read(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    config = save(tmp_path / "own.npz", images=np.array([Bomb()], dtype=object), labels=Y)
    with pytest.raises(BadValueError, match="`images`: holds pickled Python objects"):
        config.load()
    assert not (tmp_path / "exploded").exists()


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="no file"):
        NpzData(path=tmp_path / "nowhere.npz").load()


def test_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    with path.open("wb") as file:
        np.save(file, X)
    with pytest.raises(BadValueError, match="no NumPy archive"):
        NpzData(path=path).load()


@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_truncated(tmp_path: Path, kept: float) -> None:
    config = save(tmp_path / "own.npz", images=X, labels=Y)
    whole = config.path.read_bytes()
    config.path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(BadValueError, match="no NumPy archive"):
        config.load()


def test_damaged(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(256, size=(4, 9, 9), dtype=np.uint8)
    config = save(tmp_path / "own.npz", images=noise, labels=Y)
    whole = bytearray(config.path.read_bytes())
    whole[250] ^= 255
    config.path.write_bytes(whole)
    with pytest.raises(BadValueError, match="array `images`: this array is damaged"):
        config.load()


@pytest.mark.parametrize("shape", [b"(4, 9, 9 , }", b"(4, 9,-9), }", b"(4, 9 09), }"])
def test_a_damaged_header(tmp_path: Path, shape: bytes) -> None:
    whole = io.BytesIO()
    np.save(whole, np.zeros((4, 9, 9), np.uint8))
    with zipfile.ZipFile(tmp_path / "own.npz", "w") as archive:
        archive.writestr("images.npy", whole.getvalue().replace(b"(4, 9, 9), }", shape))
        archive.writestr("labels.npy", b"")
    with pytest.raises(BadValueError, match="array `images`"):
        NpzData(path=tmp_path / "own.npz").load()


def write_member(path: Path, header: dict[str, Any], content: bytes) -> NpzData:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("images.npy", "w") as file:
            np.lib.format.write_array_header_1_0(file, header)
            file.write(content)
        with archive.open("labels.npy", "w") as file:
            np.lib.format.write_array(file, Y)
    return NpzData(path=path)


@pytest.mark.parametrize("count", [2**40, 5, 3])
def test_a_header_that_does_not_fit_its_content(tmp_path: Path, count: int) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, 2, 2)}
    config = write_member(tmp_path / "own.npz", header, bytes(16))
    with pytest.raises(BadValueError, match=r"decompression bomb|16 bytes where"):
        config.load()
