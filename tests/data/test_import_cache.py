import logging
import os
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from datafiles import write_csv

from vaelab.data import CsvData
from vaelab.data.cache import cached
from vaelab.data.raw import Raw, undivided
from vaelab.data.store import Split


def build(value: int) -> Raw:
    images = np.full((50, 1, 8, 8), value, dtype=np.uint8)
    return undivided(Split(images, np.arange(50) % 5), list("abcde"))


def never(building: Path) -> Raw:
    raise AssertionError("the cache was not used")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_text("content")
    return path


def entries(cache: Path) -> list[Path]:
    return sorted((cache / "imports").iterdir())


def test_the_second_time_nothing_is_read(own_cache: Path, source: Path) -> None:
    first = cached("test", "", [source], lambda _: build(1))
    second = cached("test", "", [source], never)
    assert isinstance(second.train.images, np.memmap)
    assert np.array_equal(first.train.images, second.train.images)
    assert np.array_equal(first.train.labels, second.train.labels)
    assert first.classes == second.classes
    assert first.checksum == second.checksum == build(1).checksum
    assert len(second.test) == 0


def test_mapped_images_can_be_written_without_changing_the_cache(source: Path) -> None:
    cached("test", "", [source], lambda _: build(1)).train.images[:] = 9
    assert cached("test", "", [source], never).train.images.max() == 1


def test_what_was_asked_for_makes_another_entry(source: Path) -> None:
    cached("test", "size 8", [source], lambda _: build(1))
    assert cached("test", "size 9", [source], lambda _: build(2)).train.images.max() == 2
    assert cached("test", "size 8", [source], never).train.images.max() == 1


def test_a_changed_source_is_read_again_and_replaces_its_entry(
    own_cache: Path, source: Path
) -> None:
    cached("test", "", [source], lambda _: build(1))
    os.utime(source, ns=(1, 1))
    assert cached("test", "", [source], lambda _: build(2)).train.images.max() == 2
    assert len(entries(own_cache)) == 1
    cached("test", "", [source, source], lambda _: build(3))
    assert cached("test", "", [source, source], never).train.images.max() == 3


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("manifest.json", None),
        ("manifest.json", b"{"),
        ("manifest.json", b'{"format": 1, "classes": [], "checksum": "", "images": {}}'),
        ("images.npy", None),
        ("images.npy", b""),
        ("images.npy", b"\x93NUMPY"),
        ("labels.npy", None),
        ("labels.npy", b"\x80\x04."),
    ],
)
def test_a_half_built_entry_is_built_again(
    own_cache: Path, source: Path, name: str, content: bytes | None
) -> None:
    cached("test", "", [source], lambda _: build(1))
    path = entries(own_cache)[0] / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert cached("test", "", [source], lambda _: build(2)).train.images.max() == 2
    assert cached("test", "", [source], never).train.images.max() == 2


@pytest.mark.parametrize("name", ["images", "labels"])
def test_an_array_cut_short_is_built_again(own_cache: Path, source: Path, name: str) -> None:
    cached("test", "", [source], lambda _: build(1))
    path = entries(own_cache)[0] / f"{name}.npy"
    path.write_bytes(path.read_bytes()[:-1])
    assert cached("test", "", [source], lambda _: build(2)).train.images.max() == 2


@pytest.mark.parametrize("name", ["images", "labels"])
def test_an_array_with_a_damaged_header_is_built_again(
    own_cache: Path, source: Path, name: str
) -> None:
    cached("test", "", [source], lambda _: build(1))
    path = entries(own_cache)[0] / f"{name}.npy"
    path.write_bytes(path.read_bytes().replace(b"), }", b" , }"))
    assert cached("test", "", [source], lambda _: build(2)).train.images.max() == 2


def test_an_import_that_fails_leaves_nothing(own_cache: Path, source: Path) -> None:
    with pytest.raises(AssertionError):
        cached("test", "", [source], never)
    assert not (own_cache / "imports").exists()


def test_what_killed_imports_left_is_swept_after_a_day(own_cache: Path, source: Path) -> None:
    fresh, old = (own_cache / "imports" / name for name in (".building-new", ".building-old"))
    fresh.mkdir(parents=True)
    old.mkdir()
    os.utime(old, (1, 1))
    cached("test", "", [source], lambda _: build(1))
    assert fresh.exists()
    assert not old.exists()


def test_without_a_place_for_the_cache_it_goes_on(
    own_cache: Path, source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own_cache.write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING, logger="vaelab"):
        assert cached("test", "", [source], lambda _: build(1)).train.images.max() == 1
    assert "could not be kept" in caplog.text


def read_slowly(source: Path) -> str:
    return cached("test", "", [source], lambda _: build(1)).checksum


def test_processes_that_build_at_once(own_cache: Path, source: Path) -> None:
    with get_context("fork").Pool(4) as pool:
        checksums = pool.map(read_slowly, [source] * 8, chunksize=1)
    assert set(checksums) == {build(1).checksum}
    assert [path.name[:5] for path in entries(own_cache)] == ["test-"]
    assert cached("test", "", [source], never).checksum == checksums[0]


def test_splits_come_from_the_cached_import(
    tmp_path: Path, digits: tuple[np.ndarray, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = CsvData(train=write_csv(tmp_path / "a.csv", *digits), validation=4)
    first = config.load()
    monkeypatch.setattr("vaelab.data.sources.csv.read_csv", None)
    second = config.load()
    assert second.checksum == first.checksum
    for name, part in first.splits.items():
        assert np.array_equal(second.splits[name].images, part.images)
        assert np.array_equal(second.splits[name].labels, part.labels)
    other = config.model_copy(update={"validation": 8}).load()
    assert len(other.valid) == 8
