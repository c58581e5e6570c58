"""What is read from shards, and how they become splits."""

import sys
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from shardfiles import CPU, Files, files, fill, load, png, tar, whole

from vaelab.data import DigitsData, ShardsData, Store
from vaelab.data.loading import training_batches
from vaelab.data.loading.batches import RankShare
from vaelab.data.shards.write import write_shards
from vaelab.errors import BadValueError, MissingFileError


def test_splits_have_shards_of_their_own(shards: Path) -> None:
    store = load(shards)
    assert store.name == "set"
    assert store.classes == ("0", "1", "2")
    assert store.train.images[:, 0, 0, 0].tolist() == list(range(200))
    assert store.valid.images[:, 0, 0, 0].tolist() == list(range(210, 219))
    assert store.test.images[:, 0, 0, 0].tolist() == list(range(220, 227))
    assert store.test.labels.tolist() == [value % 3 for value in range(220, 227)]
    with pytest.raises(BadValueError, match=r"validation is 3, but .*valid-000000\.tar"):
        load(shards, validation=3)


def test_without_shards_the_last_training_images_are_held_out(tmp_path: Path) -> None:
    store = load(fill(tmp_path, 60, 40), validation=35)
    assert store.test.images[:, 0, 0, 0].tolist() == list(range(90, 100))
    assert store.valid.images[:, 0, 0, 0].tolist() == list(range(55, 90))
    assert sorted(chain(*whole(store, 10, 1))) == list(range(55))
    assert len(load(tmp_path).valid) == 9
    assert len(load(tmp_path, validation=0).valid) == 0
    with pytest.raises(BadValueError, match="of 90 training images 90 were to be held out"):
        load(tmp_path, validation=90)


def test_few_of_many_training_images_are_kept(
    shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vaelab.data.shards.dataset.MAX_KEPT_IMAGES", 25)
    store = load(shards)
    assert store.train.images[:, 0, 0, 0].tolist() == list(range(25))
    assert store.training_images == training_batches(store, 8, CPU, RankShare()).images == 200


def test_the_cache_holds_what_was_read(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = load(shards)
    monkeypatch.setattr("vaelab.data.shards.index._count", None)  # as is a second start
    after = load(shards)
    assert after.checksum == before.checksum
    assert np.array_equal(after.test.images, before.test.images)


def test_the_checksum_is_of_the_content(shards: Path, tmp_path: Path) -> None:
    before = load(shards)
    moved = shards.rename(tmp_path / "elsewhere")
    assert load(moved).checksum == before.checksum
    assert load(moved, size=2).checksum != before.checksum
    tar(moved / "train-000005.tar", files(range(180, 199)))
    assert load(moved).checksum != before.checksum


def one(tmp_path: Path, members: Files, **keys: object) -> Store:
    """Two samples of these members, one of which is the training image."""
    tar(tmp_path / "a.tar", members)
    tar(tmp_path / "b.tar", [("z.png", png(9))] if "labels" not in keys else files([9]))
    keys.pop("labels", None)
    given = {"train": str(tmp_path / "a.tar"), "test": str(tmp_path / "b.tar"), "validation": 0}
    return ShardsData.model_validate({**given, **keys}).load()


def test_without_webdataset(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "webdataset", None)
    with pytest.raises(MissingFileError, match=r"pip install 'vaelab\[shards\]'"):
        load(shards)
    with pytest.raises(MissingFileError, match=r"pip install 'vaelab\[shards\]'"):
        write_shards(DigitsData(), shards / "out")


def test_names_are_split_as_webdataset_does(tmp_path: Path) -> None:
    members = [
        ("./cats/07.left.PNG", png(1)), ("./cats/07.png", png(2)), ("cats/07.json", b"{}"),
        ("dogs/07.png", png(3)), ("._08.png", b"of a file manager"), ("08.jpeg", png(4)),
        ("folder/", b""), ("__index__", b""),
    ]  # fmt: skip
    store = one(tmp_path, members)
    assert store.train.images[:, 0, 0, 0].tolist() == [2, 3, 4]
    assert store.classes == ("images",)


def test_class_names_are_words_or_numbers(tmp_path: Path) -> None:
    words = [b"dog\n", b"cat", b" 10", b"09", b"9"]
    members = [
        f for n, word in enumerate(words) for f in ((f"{n}.png", png(n)), (f"{n}.cls", word))
    ]
    store = one(tmp_path, members, labels=True, test=None, validation=None)
    assert store.classes == ("9", "10", "cat", "dog")
    assert store.train.labels.tolist() == [3, 2, 1, 0, 0][: len(store.train)]


def test_colour_and_size(tmp_path: Path) -> None:
    members = [("0.png", png(5)), ("1.png", png(200, 4, "RGB"))]
    assert one(tmp_path, members).image_shape == (3, 4, 4)
    assert one(tmp_path, members, channels=1).image_shape == (1, 4, 4)
    assert one(tmp_path, members, size=(2, 3)).image_shape == (3, 2, 3)


def test_images_of_different_sizes(tmp_path: Path) -> None:
    members = [("0.png", png(5)), ("1.png", png(5, side=6))]
    with pytest.raises(BadValueError, match=r"a\.tar: .*0 is 4x4 but 1 is 6x6.*set data.size"):
        one(tmp_path, members)
    with pytest.raises(BadValueError, match=r"b\.tar: .*4x4, but those of .*a\.tar are 6x6"):
        one(tmp_path, members[1:])
    assert one(tmp_path, members, size=4).image_shape == (1, 4, 4)


def test_some_samples_without_a_class(tmp_path: Path) -> None:
    with pytest.raises(BadValueError, match=r"some samples have a class .* and some have none"):
        one(tmp_path, files([1]))
    with pytest.raises(BadValueError, match="test shards have the class `0`, which no training"):
        one(tmp_path, files([1]), labels=True)


def test_static_pixels_are_drawn_once_for_each_image(shards: Path) -> None:
    drawn = load(shards, pixels={"kind": "binary", "mode": "static"})
    every = np.stack([
        image
        for epoch in (0, 1)
        for part in training_batches(drawn, 64, CPU, RankShare()).epoch(0, epoch)
        for image in part.images.numpy()
    ])  # fmt: skip
    assert set(np.unique(every)) == {0, 255}

    def sort(images: np.ndarray) -> list[bytes]:
        return sorted(image.tobytes() for image in images)

    assert sort(every[:200]) == sort(every[200:]) == sort(drawn.train.images)
    assert every.mean() == pytest.approx(99.5, abs=10)  # each is white as often as it is bright
    other = load(shards, pixels={"kind": "binary", "mode": "static"}, seed=1)
    assert sort(other.train.images) != sort(drawn.train.images)
    assert other.checksum == drawn.checksum


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "either `path` or `train`"),
        ({"path": "a", "train": "b"}, "not both"),
        ({"path": "a", "valid": "b"}, "stand beside `train`"),
        ({"train": "a.pkl"}, "a pickle is never read"),
        ({"train": "http://[::1/a.tar"}, r"train\n.*Invalid IPv6 URL"),
        ({"train": "pipe:touch hacked"}, "files and from http:// and https:// addresses"),
        ({"train": "s3://bucket/a.tar"}, "files and from http:// and https:// addresses"),
        ({"path": "FILE:///etc"}, "files and from http:// and https:// addresses"),
        ({"train": ""}, "train\n.* names no shards; leave it out, or give files"),
        ({"path": "a", "streams": 0}, "greater than 0"),
        ({"path": "a", "damaged": "ignore"}, "'fail' or 'skip'"),
    ],
)
def test_keys(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ShardsData.model_validate(keys)
