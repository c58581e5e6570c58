"""Any data as shards, there and back."""

import errno
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from shardfiles import CPU, cut, load

from vaelab.data import DigitsData, NpzData, ShardsData
from vaelab.data.loading import training_batches
from vaelab.data.loading.batches import RankShare
from vaelab.data.shards.write import write_shards
from vaelab.errors import BadValueError, MissingFileError, StorageError


@pytest.mark.slow
def test_there_and_back(tmp_path: Path) -> None:
    source = DigitsData(validation=100)
    said = write_shards(source, tmp_path / "out", samples=200)
    assert "7 with 1,338 train images, 1 with 100 valid images, 2 with 359 test images" in said
    before, after = source.load(), load(tmp_path / "out")
    assert after.classes == before.classes
    for name in ("valid", "test"):
        assert np.array_equal(after.splits[name].images, before.splits[name].images)
        assert np.array_equal(after.splits[name].labels, before.splits[name].labels)

    def sort(images: np.ndarray, labels: np.ndarray) -> list[tuple[bytes, int]]:
        return sorted((i.tobytes(), int(n)) for i, n in zip(images, labels, strict=True))

    parts = list(training_batches(after, 64, CPU, RankShare()).epoch(0, 0))
    images, labels = (torch.cat([getattr(p, key) for p in parts]) for key in ("images", "labels"))
    assert sort(images.numpy(), labels.numpy()) == sort(before.train.images, before.train.labels)
    # the name of a sample is its place
    with tarfile.open(tmp_path / "out" / "train-000000.tar") as archive:
        name = archive.getnames()[0]
    assert np.array_equal(after.train.images[0], before.train.images[int(name.split(".")[0])])


def test_colour_names_and_shards_of_shards(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(256, size=(40, 5, 6, 3), dtype=np.uint8)
    np.savez(tmp_path / "some.npz", images=images, labels=np.arange(40) % 4 + 3)
    write_shards(NpzData(path=tmp_path / "some.npz"), tmp_path / "one", samples=9)
    shards = ShardsData(path=str(tmp_path / "one"))
    write_shards(shards, tmp_path / "two", megabytes=1)
    first, second = shards.load(), load(tmp_path / "two")
    assert first.classes == second.classes == ("3", "4", "5", "6")
    assert first.image_shape == (3, 5, 6)
    assert np.array_equal(first.train.images, second.train.images)
    assert len(list((tmp_path / "one").glob("train-*.tar"))) == 4


def test_shards_of_the_same_data_are_the_same_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_shards(DigitsData(), tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


@pytest.mark.slow
def test_an_index_spares_the_first_reading_but_not_of_changed_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vaelab.data.shards import index

    write_shards(DigitsData(), tmp_path / "out", samples=300)
    read: list[str] = []
    honest = index._count
    monkeypatch.setattr(
        index, "_count", lambda place, *how: (read.append(place), honest(place, *how))[1]
    )
    load(tmp_path / "out")
    assert read == []
    shard = tmp_path / "out" / "train-000001.tar"
    shard.write_bytes(cut(shard.read_bytes()))
    with pytest.raises(BadValueError, match=r"train-000001\.tar: "):
        load(tmp_path / "out")
    assert read == [str(shard)]
    shard.unlink()
    with pytest.raises(MissingFileError, match=r"train-000001\.tar: there is no such file"):
        load(tmp_path / "out")
    (tmp_path / "out" / "index.json").write_text("[]")
    with pytest.raises(BadValueError, match=r"index\.json: this is no index of shards"):
        load(tmp_path / "out")


@pytest.mark.parametrize("name", [".", "../link"])
def test_an_empty_folder_may_be_the_working_directory_or_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(folder)
    inode = folder.stat().st_ino
    write_shards(DigitsData(), Path(name), samples=700)
    assert folder.stat().st_ino == inode
    assert sorted(path.name for path in folder.iterdir()) == [
        "index.json", "test-000000.tar", "train-000000.tar", "train-000001.tar", "valid-000000.tar"
    ]  # fmt: skip


@pytest.mark.parametrize("there", [True, False])
def test_writing_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    def full(*given: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    folder = tmp_path / "out"
    if there:
        folder.mkdir()
    monkeypatch.setattr("vaelab.data.shards.write.write_text", full)
    with pytest.raises(StorageError, match=r"cannot write .*out: No space left"):
        write_shards(DigitsData(), folder, samples=700)
    assert folder.exists() == there
    assert not there or not any(folder.iterdir())


def test_data_that_cannot_be_had_make_no_folder(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="gone"):
        write_shards(NpzData(path=tmp_path / "gone.npz"), tmp_path / "a" / "b")
    assert not any(tmp_path.iterdir())


def test_the_command(tmp_path: Path, vaelab: Callable[..., object]) -> None:
    (tmp_path / "out").mkdir()
    answer = vaelab("data", "shard", "digits", tmp_path / "out", "--samples-per-shard", 500)
    assert answer.code == 0
    assert f"written: {tmp_path / 'out'}; shards: 3 with 1,294 train images" in answer.out
    again = vaelab("data", "shard", "digits", tmp_path / "out")
    assert again.code == 2
    assert "is there already and not empty" in again.err
    lossy = vaelab(
        "data", "shard", "digits", tmp_path / "sprites",
        "data={kind: sprites, scales: 2, rotations: 2, positions: 6}",
    )  # fmt: skip
    assert "the factors shape" in lossy.out
    assert "are not kept" in lossy.out
