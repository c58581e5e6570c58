"""What the indices beside shards say, and what they cannot say."""

import json
from pathlib import Path

import numpy as np
import pytest
from shardfiles import files, load, tar

from vaelab.data import NpzData, ShardsData
from vaelab.data.shards.write import write_shards
from vaelab.errors import BadValueError, MissingFileError


def written(folder: Path, *labels: int) -> Path:
    """Shards of ten images of each of these classes."""
    numbers = np.repeat(labels, 10)
    archive = folder.with_suffix(".npz")
    images = np.random.default_rng(len(labels)).integers(256, size=(len(numbers), 4, 4))
    np.savez(archive, images=images.astype(np.uint8), labels=numbers)
    write_shards(NpzData(path=archive), folder, samples=9)
    return folder


def test_folders_with_classes_of_their_own_do_not_go_together(tmp_path: Path) -> None:
    written(tmp_path / "a", 3, 4, 5)
    written(tmp_path / "b", 4, 5)
    with pytest.raises(
        BadValueError,
        match=r"a/index\.json and .*b/index\.json number the classes differently",
    ):
        ShardsData(train=f"{tmp_path}/a/train-*.tar", test=f"{tmp_path}/b/test-*.tar").load()


@pytest.mark.parametrize("damaged", ["fail", "skip"])
def test_folders_with_the_same_classes_go_together(tmp_path: Path, damaged: str) -> None:
    for name in ("a", "b"):
        written(tmp_path / name, *((3, 4) if name == "a" else (4, 3, 4)))
    pattern = f"{tmp_path}/{{a,b}}/train-*.tar"
    store = ShardsData.model_validate({"train": pattern, "damaged": damaged}).load()
    assert store.classes == ("3", "4")
    one, other = (load(tmp_path / name) for name in ("a", "b"))
    together = one.training_images + other.training_images
    assert sum(len(split) for split in store.splits.values()) == together


def test_a_further_shard_is_counted(tmp_path: Path) -> None:
    folder = written(tmp_path / "a", 0, 1, 2)
    images = load(folder).training_images
    tar(folder / "train-000009.tar", files([100, 101]))
    assert load(folder).training_images == images + 2


@pytest.mark.parametrize("name", ["../x.tar", "sub/train.tar", "", "..", "a\0.tar"])
def test_an_index_names_only_what_is_beside_it(tmp_path: Path, name: str) -> None:
    index = written(tmp_path / "a", 0, 1) / "index.json"
    content = json.loads(index.read_text())
    content["splits"]["train"][name] = content["splits"]["train"].pop("train-000000.tar")
    index.write_text(json.dumps(content))
    with pytest.raises(BadValueError, match=r"index\.json: this is no index of shards"):
        load(tmp_path / "a")


def test_an_index_that_cannot_be_read_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vaelab.data.shards.opening.PAUSE", 0)
    index = written(tmp_path / "a", 3, 4) / "index.json"
    index.unlink()
    index.mkdir()
    with pytest.raises(MissingFileError, match=r"cannot read .*a/index\.json: Is a directory"):
        load(tmp_path / "a")
    with pytest.raises(MissingFileError, match=r"index\.json: .* \(asked 3 times\)"):
        load("http://127.0.0.1:1/folder")
