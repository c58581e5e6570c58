"""Shards: what is read, in which order, and what is said of damage."""

import io
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import Path
from threading import Thread
from threading import enumerate as threads

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from vaelab.data import DigitsData, NpzData, ShardsData, Store
from vaelab.data.batches import Part, Share, training_batches
from vaelab.data.shards.order import deal, given, mixed
from vaelab.data.shards.patterns import expand
from vaelab.data.shards.write import Limits, write_shards
from vaelab.errors import BadValueError, MissingFileError

CPU = torch.device("cpu")
Files = Sequence[tuple[str, bytes]]


def png(value: int, side: int = 4, mode: str = "L") -> bytes:
    content = io.BytesIO()
    Image.new(mode, (side, side), value).save(content, "png")
    return content.getvalue()


def tar(path: Path, files: Files) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def files(values: Sequence[int]) -> Files:
    """A sample of each value: its picture has that value everywhere, its class is value mod 3."""
    return [
        file
        for value in values
        for file in ((f"{value:06d}.png", png(value)), (f"{value:06d}.cls", b"%d" % (value % 3)))
    ]


def fill(folder: Path, *sizes: int, split: str = "train", start: int = 0) -> Path:
    """Shards of these sizes, each image of another value."""
    for number, size in enumerate(sizes):
        tar(folder / f"{split}-{number:06d}.tar", files(range(start, start + size)))
        start += size
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """200 training images in 6 unequal shards, 9 for validation and 7 for the test."""
    fill(tmp_path / "set", 60, 1, 50, 39, 30, 20)
    fill(tmp_path / "set", 9, split="valid", start=210)
    return fill(tmp_path / "set", 4, 3, split="test", start=220)


def load(folder: Path, **keys: object) -> Store:
    return ShardsData.model_validate({"path": str(folder), **keys}).load()


def values(part: Part) -> list[int]:
    return part.images[:, 0, 0, 0].tolist()


def whole(store: Store, size: int, world: int, epoch: int = 0, first: int = 0) -> list[list[int]]:
    """The batches of an epoch, put together from what each of several processes has of them."""
    shares = [
        list(training_batches(store, size, CPU, Share(rank, world)).epoch(5, epoch, first))
        for rank in range(world)
    ]
    together = []
    for parts in zip(*shares, strict=True):
        batch: list[int] = []
        for part in parts:
            assert part.first == len(batch)
            batch += values(part)
        assert {part.size for part in parts} == {len(batch)}
        together.append(batch)
    return together


# --- the order


@pytest.mark.parametrize("size", [1, 7, 64, 199, 200, 1000])
@pytest.mark.parametrize("keys", [{}, {"streams": 1}, {"streams": 3, "buffer": 9}, {"buffer": 1}])
def test_every_image_once_an_epoch(folder: Path, size: int, keys: dict[str, int]) -> None:
    store = load(folder, **keys)
    batches = training_batches(store, size, CPU, Share())
    assert batches.images == store.training_images == 200
    seen = whole(store, size, 1)
    assert len(seen) == len(batches)
    assert sorted(value for batch in seen for value in batch) == list(range(200))
    for part in batches.epoch(5, 0):
        assert part.labels.tolist() == [value % 3 for value in values(part)]
    sizes = [len(batch) for batch in seen]
    assert sizes[:-1] == [size] * (len(sizes) - 1)


@pytest.mark.parametrize("buffer", [1, 24, 1000])
def test_several_processes_see_the_batches_of_one(folder: Path, buffer: int) -> None:
    store = load(folder, streams=6, buffer=buffer)
    alone = whole(store, 16, 1, epoch=1)
    assert all(whole(store, 16, world, epoch=1) == alone for world in (2, 3, 4, 6))


def test_each_shard_is_read_by_one_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vaelab.data.shards import stream

    opened: list[str] = []
    store, honest = load(folder), stream.opened
    monkeypatch.setattr(
        stream, "opened", lambda place, sha256: (opened.append(place), honest(place, sha256))[1]
    )
    whole(store, 16, 3)
    assert len(opened) == len(set(opened)) == 6


@pytest.mark.parametrize("first", [0, 1, 6, 12])
def test_an_epoch_goes_on_where_it_was_left(folder: Path, first: int) -> None:
    store = load(folder, streams=3, buffer=30)
    assert whole(store, 16, 2, epoch=2, first=first) == whole(store, 16, 2, epoch=2)[first:]


def test_what_has_been_given_out_is_not_read_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vaelab.data.shards import stream

    decoded: list[str] = []
    store, honest = load(folder, streams=2, buffer=8), stream.decode_picture
    monkeypatch.setattr(
        stream, "decode_picture",
        lambda source, where, *how: (decoded.append(where), honest(source, where, *how))[1],
    )  # fmt: skip
    left = whole(store, 16, 1, first=10)
    assert len(decoded) == sum(map(len, left)) == 40


def test_epochs_differ_and_are_mixed(folder: Path) -> None:
    store = load(folder, streams=3, buffer=60)
    first, second = whole(store, 200, 1, epoch=0)[0], whole(store, 200, 1, epoch=1)[0]
    assert first != second
    assert whole(store, 200, 1, epoch=0)[0] == first
    halves = whole(store, 100, 1)
    assert all(40 < np.mean(half) < 160 for half in halves)
    # neighbours in a shard come far from one another
    place = np.argsort([value for batch in whole(store, 10, 1) for value in batch])
    assert np.mean(np.abs(np.diff(place))) > 20


def test_the_buffer_bounds_what_is_held_and_mixes_evenly() -> None:
    order = mixed(10_000, 100, 0, seed=1, epoch=0)
    assert sorted(order) == list(range(10_000))
    read = np.maximum.accumulate(order) + 1
    held = read - np.arange(10_000)
    assert held.max() <= 101
    lag = order - np.arange(10_000)
    assert np.abs(lag).max() <= 100
    # uniform over a window of 100: standard deviation 100 / sqrt(12)
    assert lag[200:-200].std() == pytest.approx(100 / np.sqrt(12), rel=0.05)
    assert (mixed(50, 50, 0, 1, 0) != mixed(50, 50, 1, 1, 0)).any()


def test_each_stream_gives_its_share_of_every_prefix() -> None:
    lengths = [1, 1000, 7, 350, 350, 2]
    total, before = sum(lengths), np.zeros(6, dtype=np.int64)
    for count in range(total + 1):
        now = given(lengths, count)
        assert now.sum() == count
        assert (now >= before).all()
        assert (np.abs(now - np.array(lengths) * count / total) <= 1 + len(lengths) / 2).all()
        before = now
    assert before.tolist() == lengths


def test_the_shards_are_dealt_out() -> None:
    dealt = deal(10, 3, seed=0, epoch=0)
    assert sorted(shard for stream in dealt for shard in stream) == list(range(10))
    assert [len(stream) for stream in dealt] == [4, 3, 3]
    assert dealt != deal(10, 3, seed=0, epoch=1)


def test_more_processes_than_streams(folder: Path) -> None:
    with pytest.raises(BadValueError, match=r"7 processes.* 6 streams.*streams is 8.*6 training"):
        training_batches(load(folder), 16, CPU, Share(0, 7))


def test_the_threads_end_with_the_epoch(folder: Path) -> None:
    before = set(threads())
    with closing(training_batches(load(folder), 4, CPU, Share()).epoch(0, 0)) as parts:
        next(parts)
        assert len(set(threads()) - before) == 6
    assert set(threads()) <= before


# --- the splits


def test_splits_have_shards_of_their_own(folder: Path) -> None:
    store = load(folder)
    assert store.name == "set"
    assert store.classes == ("0", "1", "2")
    assert store.train.images[:, 0, 0, 0].tolist() == list(range(200))
    assert store.valid.images[:, 0, 0, 0].tolist() == list(range(210, 219))
    assert store.test.images[:, 0, 0, 0].tolist() == list(range(220, 227))
    assert store.test.labels.tolist() == [value % 3 for value in range(220, 227)]
    with pytest.raises(BadValueError, match=r"validation is 3, but .*valid-000000\.tar"):
        load(folder, validation=3)


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
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vaelab.data.shards import kept

    monkeypatch.setattr(kept, "FEW", 25)
    store = load(folder)
    assert store.train.images[:, 0, 0, 0].tolist() == list(range(25))
    assert store.training_images == training_batches(store, 8, CPU, Share()).images == 200


def test_the_cache_holds_what_was_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vaelab.data.shards import scan

    before = load(folder)
    monkeypatch.setattr(scan, "_read", None)  # as is a second start
    after = load(folder)
    assert after.checksum == before.checksum
    assert np.array_equal(after.test.images, before.test.images)


def test_the_checksum_is_of_the_content(folder: Path, tmp_path: Path) -> None:
    before = load(folder)
    moved = folder.rename(tmp_path / "elsewhere")
    assert load(moved).checksum == before.checksum
    assert load(moved, size=2).checksum != before.checksum
    tar(moved / "train-000005.tar", files(range(180, 199)))
    assert load(moved).checksum != before.checksum


# --- what samples look like


def one(tmp_path: Path, members: Files, **keys: object) -> Store:
    """Two samples of these members, one of which is the training image."""
    tar(tmp_path / "a.tar", members)
    tar(tmp_path / "b.tar", [("z.png", png(9))] if "labels" not in keys else files([9]))
    keys.pop("labels", None)
    given = {"train": str(tmp_path / "a.tar"), "test": str(tmp_path / "b.tar"), "validation": 0}
    return ShardsData.model_validate({**given, **keys}).load()


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


# --- damage


BAD: dict[str, tuple[Files, str]] = {
    "cut short": ([("2.png", png(7)[:50])], "damaged or cut short"),
    "no picture": ([("2.txt", b"hello")], "there is no picture; its files are txt"),
    "several pictures": ([("2.png", png(7)), ("2.jpg", png(7))], "there are several pictures"),
    "twice": ([("2.png", png(7)), ("2.png", png(7))], r"several files \.png"),
    "nonsense": ([("2.png", b"meow")], "this is no PNG"),
    "no label": ([("2.png", png(7)), ("2.cls", b" ")], r"\.cls is empty"),
    "bytes": ([("2.png", png(7)), ("2.cls", b"\xff\xfe")], "no text in UTF-8"),
    "a book": (
        [("2.png", png(7)), ("2.cls", b"1" * 2000)],
        r"2,000 bytes; a cls has at most 1,024",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_damaged_image_is_fatal_or_left_out(
    folder: Path, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    members, reason = BAD[case]
    tar(folder / "train-000002.tar", [*files([100]), *members, *files([101])])
    with pytest.raises(BadValueError, match=rf"train-000002\.tar, sample 2: .*{reason}.*=skip"):
        load(folder)
    store = load(folder, damaged="skip")
    assert store.training_images == 152
    assert sum(value in (100, 101) for batch in whole(store, 16, 2) for value in batch) == 2
    assert "1 damaged images are left out" in caplog.text
    assert "sample 2: " in caplog.text


def test_a_decompression_bomb_in_a_shard(tmp_path: Path) -> None:
    bomb = tarfile.TarInfo("3.png")
    bomb.size = 2**40
    path = tar(tmp_path / "train-0.tar", files(range(20)))
    path.write_bytes(path.read_bytes()[: -tarfile.RECORDSIZE] + bomb.tobuf())
    with pytest.raises(BadValueError, match=r"train-0\.tar: "):
        load(tmp_path)


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def cut_between(content: bytes) -> bytes:
    return content[: 2 * 2048]


def scratched(content: bytes) -> bytes:
    return content[: 10 * 2048] + b"\xff" * 512 + content[10 * 2048 + 512 :]


@pytest.mark.parametrize("harm", [cut, cut_between, scratched, lambda content: b"no tar" * 200])
def test_a_damaged_shard_is_fatal_or_left_out(
    folder: Path, harm: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    path = folder / "train-000000.tar"
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(BadValueError, match=r"train-000000\.tar: (this is no whole|it breaks off)"):
        load(folder)
    store = load(folder, damaged="skip")
    left = sorted(value for batch in whole(store, 16, 2) for value in batch)
    assert left == [*range(len(left) - 140), *range(60, 200)]
    assert len(left) < 200
    assert "all that follows the damage in 1 shards" in caplog.text


def test_no_tar_file_makes_trouble_of_another_kind(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    content = tar(tmp_path / "whole", files(range(6))).read_bytes()
    used = np.frombuffer(content, dtype=np.uint8)[: 6 * 2048]
    for number in range(150):
        harmed = used.copy()
        header = 512 * draws.integers(len(used) // 512)
        places = header + draws.integers(512, size=3)
        harmed[places] = draws.integers(256, size=3)
        path = tmp_path / f"{number}" / "train-0.tar"
        path.parent.mkdir()
        path.write_bytes(harmed.tobytes() + content[len(used) :])
        with suppress(BadValueError):
            assert load(path.parent, damaged="skip", validation=0).training_images <= 5


def test_everything_is_damaged(tmp_path: Path) -> None:
    tar(tmp_path / "train-0.tar", [("0.png", b"meow")])
    with pytest.raises(BadValueError, match=r"none of the 1 train shards.*whole"):
        load(tmp_path, damaged="skip")


def test_an_image_that_goes_bad_later_is_fatal(folder: Path) -> None:
    store = load(folder, streams=2)
    path = folder / "train-000003.tar"
    content = path.read_bytes()
    path.write_bytes(content[: 4 * 2048] + b"\0" * 700 + content[4 * 2048 + 700 :])
    with pytest.raises(BadValueError, match=r"train-000003\.tar: there are 4 images where 39 were"):
        whole(store, 16, 1)
    path.write_bytes(content.replace(png(120), png(120)[:50].ljust(len(png(120)), b"\0")))
    with pytest.raises(BadValueError, match=r"train-000003\.tar, sample 000120: "):
        whole(store, 16, 1)


def test_a_missing_shard(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    pattern = {"train": str(folder / "train-{000000..000007}.tar"), "test": str(folder / "test*")}
    with pytest.raises(MissingFileError, match=r"train-000006\.tar: there is no such.*1 more like"):
        ShardsData.model_validate(pattern).load()
    store = ShardsData.model_validate({**pattern, "damaged": "skip", "validation": 0}).load()
    assert store.training_images == 200
    assert "in 2 shards" in caplog.text


def test_shards_that_share_samples(folder: Path) -> None:
    tar(folder / "train-000006.tar", files([199, 200]))
    with pytest.raises(BadValueError, match=r"train-000005.* and .*train-000006.* share .*000199"):
        load(folder)
    tar(folder / "train-000006.tar", [*files([201]), *files([202]), *files([201])])
    with pytest.raises(BadValueError, match=r"share the sample 000201"):
        load(folder)
    (folder / "train-000006.tar").write_bytes((folder / "test-000000.tar").read_bytes())
    with pytest.raises(BadValueError, match=r"test shard .*test-000000.* train shard .*the same"):
        load(folder)


def test_patterns(tmp_path: Path) -> None:
    for name in ("a-2.tar", "a-10.tar", "b-1.tar"):
        (tmp_path / name).touch()
    here = f"{tmp_path}/"
    assert expand(f"{here}{{a-{{2..3}},b-1}}.tar"[:0] + f"{here}a-{{08..10}}.tar") == [
        f"{here}a-08.tar", f"{here}a-09.tar", f"{here}a-10.tar"
    ]  # fmt: skip
    assert expand(f"{here}{{a,b}}-{{1,2}}.tar")[1:3] == [f"{here}a-2.tar", f"{here}b-1.tar"]
    assert expand(f"{here}a-*.tar") == [f"{here}a-2.tar", f"{here}a-10.tar"]
    assert len(expand(here)) == 3
    assert expand("https://host/{0..1}.tar?key=*") == [
        "https://host/0.tar?key=*", "https://host/1.tar?key=*"
    ]  # fmt: skip
    with pytest.raises(BadValueError, match="smaller number to a larger"):
        expand("a-{9..3}.tar")
    with pytest.raises(BadValueError, match="more than 1,000,000"):
        expand("{0..9999}-{0..9999}.tar")
    with pytest.raises(BadValueError, match="names a shard twice"):
        expand("{a,a}.tar")
    with pytest.raises(MissingFileError, match="vaelab data shard"):
        expand(f"{here}c-*.tar")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "either `path` or `train`"),
        ({"path": "a", "train": "b"}, "not both"),
        ({"path": "a", "valid": "b"}, "stand beside `train`"),
        ({"train": "a.pkl"}, "a pickle is never read"),
        ({"path": "a", "streams": 0}, "greater than 0"),
        ({"path": "a", "damaged": "ignore"}, "'fail' or 'skip'"),
    ],
)
def test_keys(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ShardsData.model_validate(keys)


def test_a_folder_without_shards(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="no shards train"):
        load(tmp_path)
    with pytest.raises(MissingFileError, match="there is no folder"):
        load(tmp_path / "nowhere")


# --- static pixels


def test_static_pixels_are_drawn_once_for_each_image(folder: Path) -> None:
    drawn = load(folder, pixels={"kind": "binary", "mode": "static"})
    every = np.stack([
        image
        for epoch in (0, 1)
        for part in training_batches(drawn, 64, CPU, Share()).epoch(0, epoch)
        for image in part.images.numpy()
    ])  # fmt: skip
    assert set(np.unique(every)) == {0, 255}

    def sort(images: np.ndarray) -> list[bytes]:
        return sorted(image.tobytes() for image in images)

    assert sort(every[:200]) == sort(every[200:]) == sort(drawn.train.images)
    assert every.mean() == pytest.approx(99.5, abs=10)  # each is white as often as it is bright
    other = load(folder, pixels={"kind": "binary", "mode": "static"}, seed=1)
    assert sort(other.train.images) != sort(drawn.train.images)
    assert other.checksum == drawn.checksum


# --- written by ourselves


def test_there_and_back(tmp_path: Path) -> None:
    source = DigitsData(validation=100)
    said = write_shards(source, tmp_path / "out", Limits(samples=200))
    assert "7 of 1,338 train images, 1 of 100 valid images, 2 of 359 test images" in said
    before, after = source.load(), load(tmp_path / "out")
    assert after.classes == before.classes
    for name in ("valid", "test"):
        assert np.array_equal(after.splits[name].images, before.splits[name].images)
        assert np.array_equal(after.splits[name].labels, before.splits[name].labels)

    def sort(images: np.ndarray, labels: np.ndarray) -> list[tuple[bytes, int]]:
        return sorted((i.tobytes(), int(n)) for i, n in zip(images, labels, strict=True))

    parts = list(training_batches(after, 64, CPU, Share()).epoch(0, 0))
    images, labels = (torch.cat([getattr(p, key) for p in parts]) for key in ("images", "labels"))
    assert sort(images.numpy(), labels.numpy()) == sort(before.train.images, before.train.labels)
    # the name of a sample is its place
    with tarfile.open(tmp_path / "out" / "train-000000.tar") as archive:
        name = archive.getnames()[0]
    assert np.array_equal(after.train.images[0], before.train.images[int(name.split(".")[0])])


def test_colour_names_and_shards_of_shards(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(256, size=(40, 5, 6, 3), dtype=np.uint8)
    np.savez(tmp_path / "some.npz", images=images, labels=np.arange(40) % 4 + 3)
    write_shards(NpzData(path=tmp_path / "some.npz"), tmp_path / "one", Limits(samples=9))
    shards = ShardsData(path=str(tmp_path / "one"))
    write_shards(shards, tmp_path / "two", Limits(megabytes=1))
    first, second = shards.load(), load(tmp_path / "two")
    assert first.classes == second.classes == ("3", "4", "5", "6")
    assert first.image_shape == (3, 5, 6)
    assert np.array_equal(first.train.images, second.train.images)
    assert len(list((tmp_path / "one").glob("train-*.tar"))) == 4


def test_shards_of_the_same_data_are_the_same_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_shards(DigitsData(), tmp_path / name, Limits())
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_an_index_spares_the_first_reading_but_not_of_changed_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vaelab.data.shards import scan

    write_shards(DigitsData(), tmp_path / "out", Limits(samples=300))
    read: list[str] = []
    honest = scan._read
    monkeypatch.setattr(scan, "_read", lambda place: (read.append(place), honest(place))[1])
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


def test_the_command(tmp_path: Path, vaelab: Callable[..., object]) -> None:
    (tmp_path / "out").mkdir()
    answer = vaelab("data", "shard", "digits", tmp_path / "out", "--samples-per-shard", 500)
    assert answer.code == 0
    assert f"written: {tmp_path / 'out'}, shards: 3 of 1,294 train images" in answer.out
    again = vaelab("data", "shard", "digits", tmp_path / "out")
    assert again.code == 2
    assert "is there already and not empty" in again.err
    lossy = vaelab(
        "data", "shard", "digits", tmp_path / "sprites",
        "data={kind: sprites, scales: 2, rotations: 2, positions: 6}",
    )  # fmt: skip
    assert "the factors shape" in lossy.out
    assert "are not kept" in lossy.out


# --- addresses


class Quiet(SimpleHTTPRequestHandler):
    """A server that fails at first, as often as its class says, and logs nothing."""

    failures = 0

    def log_message(self, *given: object) -> None:
        pass

    def do_GET(self) -> None:
        if Quiet.failures > 0 and ".tar" in self.path:
            Quiet.failures -= 1
            self.send_response(200)
            self.send_header("Content-Length", "99999")
            self.end_headers()
            self.wfile.write(b"broken off")
            return
        super().do_GET()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    from vaelab.data.shards import places

    monkeypatch.setattr(places.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(Quiet, "failures", 0)


@pytest.mark.usefixtures("impatient")
def test_shards_from_a_server(folder: Path) -> None:
    at_home = load(folder)
    with served(folder) as address:
        far = {
            "train": f"{address}/train-{{000000..000005}}.tar?key=secret",
            "valid": f"{address}/valid-000000.tar",
            "test": f"{address}/test-00000{{0,1}}.tar",
        }
        Quiet.failures = 2
        store = ShardsData.model_validate(far).load()
        assert store.checksum == at_home.checksum
        assert whole(store, 16, 2) == whole(at_home, 16, 2)
        Quiet.failures = 100
        with pytest.raises(
            MissingFileError, match=r"train-00000\d\.tar: .* \(asked 3 times\)"
        ) as e:
            whole(store, 16, 1)
        assert "secret" not in str(e.value)
        Quiet.failures = 0
        with pytest.raises(MissingFileError, match=r"train-9\.tar: there is no such|answers 404"):
            ShardsData(train=f"{address}/train-9.tar").load()


@pytest.mark.usefixtures("impatient")
def test_a_folder_on_a_server_is_known_by_its_index(tmp_path: Path) -> None:
    write_shards(DigitsData(), tmp_path / "out", Limits(samples=100))
    with served(tmp_path) as address:
        store = load(f"{address}/out")
        assert store.checksum == load(tmp_path / "out").checksum
        assert sum(len(batch) for batch in whole(store, 64, 1)) == 1294
        with pytest.raises(MissingFileError, match=r"has no index\.json.*train-{000\.\.099}"):
            load(address)
        shard = tmp_path / "out" / "train-000003.tar"
        shard.write_bytes(shard.read_bytes()[::-1])
        with pytest.raises(MissingFileError, match=r"train-000003\.tar: it is not the shard that"):
            whole(store, 64, 1)


def test_other_storage_is_read_through_fsspec(folder: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    for path in folder.iterdir():
        memory.pipe(f"/bucket/{path.name}", path.read_bytes())
    far = {
        "train": "memory://bucket/train-{000000..000005}.tar",
        "valid": "memory://bucket/valid-000000.tar",
        "test": "memory://bucket/test-00000{0..1}.tar",
    }
    try:
        store = ShardsData.model_validate(far).load()
        assert store.checksum == load(folder).checksum
        assert whole(store, 16, 1) == whole(load(folder), 16, 1)
    finally:
        memory.rm("/bucket", recursive=True)
    with pytest.raises(MissingFileError, match=r"memory://bucket/.*there is no such file"):
        ShardsData.model_validate(far).load()
    with pytest.raises(MissingFileError, match="nonsense"):
        ShardsData(train="nonsense://bucket/a.tar").load()
