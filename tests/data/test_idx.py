import gzip
from pathlib import Path

import numpy as np
import pytest
from datafiles import write_idx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vaelab.data import FashionMnistData, MnistData
from vaelab.data.sources.mnist import read_idx
from vaelab.errors import BadValueError, MissingFileError

shapes = st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(images=arrays(np.uint8, shapes), suffix=st.sampled_from(["", ".gz"]))
def test_round_trip(tmp_path: Path, images: np.ndarray, suffix: str) -> None:
    path = write_idx(tmp_path / f"images{suffix}", images)
    assert np.array_equal(read_idx(path, 3), images)


def test_all_spellings_of_the_names(idx_folder: Path, digits: tuple[np.ndarray, ...]) -> None:
    images, labels = digits
    store = MnistData(path=idx_folder, validation=0).load()
    assert np.array_equal(store.train.images[:, 0], images[:30])
    assert np.array_equal(store.train.labels, labels[:30])
    assert np.array_equal(store.test.images[:, 0], images[30:])
    assert store.classes == ("0", "1", "2", "3")


def test_the_environment_names_the_folder(
    idx_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAELAB_MNIST", str(idx_folder))
    assert len(MnistData().load().test) == 10


def test_fashion_classes_have_names(idx_folder: Path) -> None:
    store = FashionMnistData(path=idx_folder).load()
    assert len(store.classes) == 10
    assert store.classes[1] == "trouser"
    assert set(store.train.labels) == {0, 1, 2, 3}


def test_fashion_refuses_an_eleventh_class(idx_folder: Path) -> None:
    write_idx(idx_folder / "train-labels-idx1-ubyte", np.arange(30))
    with pytest.raises(BadValueError, match=r"label 10 \(counted from 0\) is 10, but the classes"):
        FashionMnistData(path=idx_folder).load()


def test_a_missing_folder_says_what_it_is_for(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"no folder .*nowhere.*data\.path"):
        MnistData(path=tmp_path / "nowhere").load()


def test_a_missing_file_says_where(idx_folder: Path) -> None:
    (idx_folder / "t10k-images.idx3-ubyte").unlink()
    with pytest.raises(MissingFileError, match=r"no t10k-images-idx3-ubyte .*data\.path"):
        MnistData(path=idx_folder).load()


def test_a_test_class_that_training_lacks(idx_folder: Path) -> None:
    write_idx(idx_folder / "t10k-labels.idx1-ubyte.gz", np.full(10, 7))
    with pytest.raises(BadValueError, match=r"t10k.*is 7, but the classes are 0, 1, 2, 3"):
        MnistData(path=idx_folder).load()


def test_images_and_labels_of_different_length(idx_folder: Path) -> None:
    write_idx(idx_folder / "train-labels-idx1-ubyte", np.zeros(29))
    with pytest.raises(BadValueError, match=r"train-images.*: 30 images but 29 labels"):
        MnistData(path=idx_folder).load()


def test_no_images(idx_folder: Path) -> None:
    write_idx(idx_folder / "train-images-idx3-ubyte.gz", np.zeros((0, 4, 4)))
    write_idx(idx_folder / "train-labels-idx1-ubyte", np.zeros(0))
    with pytest.raises(BadValueError, match="there are no images"):
        MnistData(path=idx_folder).load()


def test_training_and_test_of_different_sizes(idx_folder: Path) -> None:
    write_idx(idx_folder / "t10k-images.idx3-ubyte", np.zeros((10, 5, 4)))
    with pytest.raises(BadValueError, match=r"\(1, 4, 4\).*\(1, 5, 4\)"):
        MnistData(path=idx_folder).load()


HEADER = bytes([0, 0, 8, 3]) + np.array([2, 4, 4], dtype=">u4").tobytes()


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "starts with nothing"),
        (b"\x89PNG\r\n" + bytes(40), "starts with 89 50 4e 47.*starts with 00 00 08 03"),
        (b"\x00\x00\x08\x01" + bytes(40), "starts with 00 00 08 01"),
        (HEADER[:10], "ends within its header"),
        (HEADER + bytes(31), r"promises 2 x 4 x 4 = 32 bytes, but there are 31.*cut short"),
        (HEADER, r"promises 2 x 4 x 4 = 32 bytes, but there are 0"),
        (HEADER + bytes(33), r"2 x 4 x 4 = 32 bytes, but there are more"),
    ],
)
def test_not_what_the_header_says(
    tmp_path: Path, content: bytes, message: str, packed: bool
) -> None:
    path = tmp_path / ("file.gz" if packed else "file")
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(BadValueError, match=message) as caught:
        read_idx(path, 3)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("kept", [5, 30, -9, -1])
def test_truncated_gzip(tmp_path: Path, kept: int) -> None:
    whole = gzip.compress(HEADER + np.random.default_rng(0).bytes(32))
    (tmp_path / "file.gz").write_bytes(whole[:kept])
    with pytest.raises(BadValueError, match="damaged or cut short"):
        read_idx(tmp_path / "file.gz", 3)


def test_gzip_with_a_wrong_checksum(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(HEADER + bytes(32)))
    whole[-5] ^= 1
    (tmp_path / "file.gz").write_bytes(whole)
    with pytest.raises(BadValueError, match="damaged or cut short"):
        read_idx(tmp_path / "file.gz", 3)


def test_not_gzip_at_all(tmp_path: Path) -> None:
    (tmp_path / "file.gz").write_bytes(HEADER + bytes(32))
    with pytest.raises(BadValueError, match="damaged or cut short"):
        read_idx(tmp_path / "file.gz", 3)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_header_that_promises_terabytes_asks_for_no_memory(tmp_path: Path, suffix: str) -> None:
    header = bytes([0, 0, 8, 3]) + np.array([2**31, 2**31, 2**31], dtype=">u4").tobytes()
    path = tmp_path / f"file{suffix}"
    path.write_bytes(gzip.compress(header) if suffix else header)
    with pytest.raises(BadValueError, match=r"decompression bomb|cut short"):
        read_idx(path, 3)


def test_the_published_set_is_known_without_its_files(monkeypatch) -> None:
    monkeypatch.delenv("VAELAB_MNIST", raising=False)
    assert MnistData().image_spec() == ((1, 28, 28), 10)
