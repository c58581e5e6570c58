"""Images that stay in their file are the images that memory would hold."""

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from datafiles import write_png
from tests.training.conftest import tiny

from vaelab import sample_quality
from vaelab.data import BinaryPixels, ImagesData, NpzData, Store
from vaelab.data.loading import training_batches
from vaelab.data.loading.batches import BatchPart, MappedBatches, MemoryBatches, RankShare
from vaelab.data.loading.evaluation import EvalLoader, to_device
from vaelab.data.mapped import MappedImages
from vaelab.data.prefetch import MAX_AHEAD, prefetch
from vaelab.data.store import checksum
from vaelab.errors import BadValueError, MissingFileError, StorageError
from vaelab.figures import NearestFigure
from vaelab.runs.render import figure_context
from vaelab.runs.run import Run
from vaelab.tensorfile import read_tensors
from vaelab.training import Start, replicas, train, train_together
from vaelab.training.state import read_progress

CPU = torch.device("cpu")
NUM = 500


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Already a few kilobytes stay in their file."""
    for place in ("mapped", "store", "cache"):
        monkeypatch.setattr(f"vaelab.data.{place}.MAX_MEMORY_BYTES", 5_000)
    monkeypatch.setattr("vaelab.data.store.CHUNK_BYTES", 3_000)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=(NUM, 8, 8), dtype=np.uint8)


@pytest.fixture
def path(tmp_path: Path, images: np.ndarray) -> Path:
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "labels.npy", np.arange(NUM) % 7)
    return tmp_path / "images.npy"


@pytest.fixture
def in_memory(path: Path) -> Store:
    """The same store without the fixture `few`."""
    return NpzData(path=path).load()


@pytest.fixture
def mapped(in_memory: Store, few: None, path: Path) -> Store:
    return NpzData(path=path).load()


def reading_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if "reading-ahead" in thread.name]


def test_a_split_is_an_index_into_the_file(mapped: Store, in_memory: Store) -> None:
    assert isinstance(mapped.train.images, MappedImages)
    assert isinstance(mapped.valid.images, np.ndarray), "few images are in memory"
    assert mapped.checksum == in_memory.checksum
    for name, split in mapped.splits.items():
        known = in_memory.splits[name]
        assert len(split) == len(known)
        assert split.images.shape == known.images.shape
        assert split.images.nbytes == known.images.nbytes
        assert np.array_equal(split.images[:], known.images)
        assert np.array_equal(split.labels, known.labels)
        assert checksum((split,), ()) == checksum((known,), ())
    index = np.array([5, 3, 200, 3])
    assert np.array_equal(mapped.train.select(index).images, in_memory.train.images[index])
    every = np.arange(len(mapped.train))[::-1]
    turned = mapped.train.select(every)
    assert isinstance(turned.images, MappedImages)
    assert np.array_equal(turned.images[:], in_memory.train.images[::-1])


@pytest.mark.parametrize("shape", [(NUM, 5, 4), (NUM, 5, 4, 3), (NUM, 5, 4, 1), (NUM, 3, 4, 5)])
def test_every_layout(few: None, tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(1).integers(256, size=shape, dtype=np.uint8)
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", images=array, labels=np.zeros(NUM, int))
    there, copied = (NpzData(path=tmp_path / name).load() for name in ("a.npy", "a.npz"))
    assert isinstance(there.train.images, MappedImages)
    assert there.classes == ("images",)
    read = there.train.images[np.arange(20)]
    assert read.flags.c_contiguous
    assert np.array_equal(read, copied.train.images[np.arange(20)])


def test_few_images_of_a_npy_file_are_an_array(path: Path, images: np.ndarray) -> None:
    raw = NpzData(path=path).raw()
    assert isinstance(raw.train.images, np.ndarray)
    assert np.array_equal(raw.train.images[:, 0], images)
    assert raw.classes == tuple("0123456")


def same_parts(one: Iterator[BatchPart], other: Iterator[BatchPart]) -> int:
    count = 0
    for first, second in zip(one, other, strict=True):
        assert torch.equal(first.images, second.images)
        assert torch.equal(first.labels, second.labels)
        assert (first.first, first.size) == (second.first, second.size)
        count += 1
    return count


@pytest.mark.parametrize("share", [RankShare(), RankShare(0, 2), RankShare(1, 2), RankShare(2, 3)])
@pytest.mark.parametrize("first", [0, 7])
@pytest.mark.parametrize("together", [1, 4_000, 2**20])
def test_batches_are_those_of_memory(
    mapped: Store,
    in_memory: Store,
    share: RankShare,
    first: int,
    together: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vaelab.data.loading.batches.GROUP_BYTES", together)
    read = training_batches(mapped, 16, CPU, share)
    held = training_batches(in_memory, 16, CPU, share)
    assert isinstance(read, MappedBatches)
    assert isinstance(held, MemoryBatches)
    assert (read.images, len(read)) == (held.images, len(held))
    for epoch in (0, 3):
        parts = read.epoch(5, epoch, first), held.epoch(5, epoch, first)
        assert same_parts(*parts) == len(held) - first
    assert not reading_threads()


def test_arrays_that_a_device_has_no_room_for_are_read_likewise(in_memory: Store) -> None:
    read = MappedBatches(in_memory.train, 16, CPU, RankShare())
    held = MemoryBatches(in_memory.train, 16, CPU, RankShare())
    assert same_parts(read.epoch(1, 0), held.epoch(1, 0)) == len(held)


def test_a_feed_reads_what_it_hands_out(mapped: Store, in_memory: Store) -> None:
    pixels = BinaryPixels()
    loaders = [EvalLoader(store.train, pixels, 7) for store in (mapped, in_memory)]
    for one, other in zip(*(loader.batches(100) for loader in loaders), strict=True):
        assert torch.equal(one.x, other.x)
        assert torch.equal(one.labels, other.labels)
        assert torch.equal(one.context, other.context)
    index = torch.tensor([9, 2, 300])
    assert torch.equal(loaders[0].images(index), loaders[1].images(index))
    assert torch.equal(to_device(mapped.train.images, "cpu"), loaders[1].images(slice(None)))
    assert not reading_threads()


@pytest.mark.parametrize("mode", ["static", "threshold"])
def test_pixels_drawn_once_are_the_same_whenever_they_are_read(
    mapped: Store, path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    config = NpzData(path=path, pixels=BinaryPixels(mode=mode))
    read = config.load()
    with monkeypatch.context() as patch:
        for place in ("mapped", "store"):
            patch.setattr(f"vaelab.data.{place}.MAX_MEMORY_BYTES", 2**28)
        held = config.load()
    assert isinstance(read.train.images, MappedImages)
    assert isinstance(held.train.images, np.ndarray)
    index = np.array([300, 2, 299, 0, 2])
    for some in (slice(None), slice(40, 50), index):
        assert np.array_equal(read.train.images[some], held.train.images[some])
    assert np.array_equal(read.train.select(index).images, held.train.images[index])
    assert np.array_equal(read.test.images[:], held.test.images)


def test_reading_is_never_far_ahead_and_ends_with_its_reader() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    numbers = prefetch(items())
    assert not reading_threads(), "nothing is read before it is asked for"
    assert [next(numbers), next(numbers)] == [0, 1]
    assert len(reading_threads()) == 1
    assert len(made) <= 2 + MAX_AHEAD
    numbers.close()
    assert not reading_threads()
    assert list(prefetch(items())) == list(range(100))
    assert not reading_threads()


def test_an_error_surfaces_where_its_item_would_have_been() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("the disk is gone")

    numbers, seen = prefetch(items()), []
    with pytest.raises(OSError, match="the disk is gone"):
        seen.extend(numbers)
    assert not reading_threads()
    numbers = prefetch(items())
    assert [next(numbers), next(numbers)] == [1, 2]
    with pytest.raises(OSError, match="the disk is gone"):
        next(numbers)
    assert not reading_threads()


DYNAMIC = (
    "data.pixels={kind: binary, mode: dynamic}", "model.likelihood.kind=bernoulli",
    "training.output_bias=mean", "training.batch_size=16", "data.validation=150",
)  # fmt: skip


def same_run(one: Run, other: Run) -> bool:
    first, second = (read_tensors(run.resume_path)[0] for run in (one, other))
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )


@pytest.fixture
def trained(in_memory: Store, path: Path, tmp_path: Path) -> Run:
    return train(tiny(f"data={{kind: npz, path: {path}}}", *DYNAMIC), tmp_path / "held").run


def test_training_is_that_of_memory_bit_for_bit(trained: Run, few: None, tmp_path: Path) -> None:
    run = train(trained.experiment, tmp_path / "read").run
    assert same_run(run, trained)
    assert run.metrics() == trained.metrics()


def test_stopped_within_an_epoch_it_goes_on_the_same(
    trained: Run, few: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(parts: Iterator[BatchPart], after: int) -> Iterator[BatchPart]:
        for number, part in enumerate(parts):
            if number == after:
                raise Killed
            yield part

    epoch = MappedBatches.epoch
    with monkeypatch.context() as patch:
        patch.setattr(MappedBatches, "epoch", lambda *given: kill(epoch(*given), 5))
        often = trained.experiment.model_copy(
            update={"training": trained.experiment.training.model_copy(
                update={"save_minutes": 1e-9}
            )}
        )  # fmt: skip
        with pytest.raises(Killed):
            train(often, tmp_path / "read")
    assert not reading_threads()
    assert read_progress(tmp_path / "read" / "tiny" / "resume.safetensors").batch == 5
    run = train(trained.experiment, tmp_path / "read", Start.RESUME).run
    assert same_run(run, trained)


@pytest.mark.slow
def test_replicas_read_side_by_side(trained: Run, few: None, tmp_path: Path) -> None:
    two = replicas(
        trained.experiment.model_copy(
            update={"training": trained.experiment.training.model_copy(update={"replicas": 2})}
        )
    )
    runs = [outcome.run for outcome in train_together(two, tmp_path / "read")]
    for one, run in zip(two, runs, strict=True):
        alone = train(one, tmp_path / "alone").run
        for name, value in read_tensors(run.weights_path)[0].items():
            torch.testing.assert_close(value, read_tensors(alone.weights_path)[0][name])
    assert not reading_threads()


def fill(folder: Path, count: int, colour: int | None = None) -> Path:
    for number in range(count):
        pixels = np.full((8, 8), number, np.uint8)
        if number == colour:
            pixels = np.stack([pixels, pixels + 1, pixels + 2], -1)
        write_png(folder / f"class {number % 2}" / f"{number:03}.png", pixels)
    return folder


@pytest.mark.parametrize("colour", [None, 0, 130, 199])
def test_pictures_are_imported_into_their_file(
    tmp_path: Path, few: None, own_cache: Path, monkeypatch: pytest.MonkeyPatch, colour: int | None
) -> None:
    config = ImagesData(path=fill(tmp_path / "pictures", 200, colour))
    read = config.raw()
    assert isinstance(read.train.images, MappedImages)
    values = np.arange(200)[:, None, None, None] + np.zeros((200, 1, 8, 8), int)
    if colour is not None:
        values = values.repeat(3, 1)
        values[colour] += np.arange(3)[:, None, None]
    assert np.array_equal(read.train.images[:], values)
    (entry,) = (own_cache / "imports").iterdir()
    assert sorted(path.name for path in entry.iterdir()) == [
        "images.npy", "labels.npy", "manifest.json"
    ]  # fmt: skip
    monkeypatch.setattr("vaelab.data.sources.images.read_picture", None)
    assert config.raw().checksum == read.checksum


def test_the_import_is_that_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "pictures" / "train", 150, 140)
    fill(tmp_path / "pictures" / "test", 100)
    held = ImagesData(path=tmp_path / "pictures").load()
    monkeypatch.setenv("VAELAB_CACHE", str(tmp_path / "another"))
    for place in ("mapped", "store", "cache"):
        monkeypatch.setattr(f"vaelab.data.{place}.MAX_MEMORY_BYTES", 5_000)
    read = ImagesData(path=tmp_path / "pictures").load()
    assert read.checksum == held.checksum
    for name, split in read.splits.items():
        assert np.array_equal(split.images[:], held.splits[name].images[:])
        assert np.array_equal(split.labels, held.splits[name].labels)
    assert isinstance(read.test.images, MappedImages)


def test_a_damaged_picture_leaves_no_import(tmp_path: Path, few: None, own_cache: Path) -> None:
    fill(tmp_path / "pictures", 200)
    path = tmp_path / "pictures" / "class 0" / "100.png"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(BadValueError, match=r"100\.png: this image is"):
        ImagesData(path=tmp_path / "pictures").raw()
    assert not list((own_cache / "imports").iterdir())
    write_png(path, np.zeros((4, 8), np.uint8))
    with pytest.raises(BadValueError, match=r"000\.png is 8x8 but .*100\.png is 8x4"):
        ImagesData(path=tmp_path / "pictures").raw()
    assert not list((own_cache / "imports").iterdir())


def test_a_full_disk_is_said_before_the_import(
    tmp_path: Path, few: None, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "pictures", 200)
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr("vaelab.data.cache.shutil.disk_usage", lambda _: usage)
    words = r"import of 200 images needs 0\.0 GB in .*, where 0\.0 GB are free; .*VAELAB_CACHE"
    with pytest.raises(StorageError, match=words):
        ImagesData(path=tmp_path / "pictures").raw()
    assert not list((own_cache / "imports").iterdir())


def test_a_disk_that_cannot_reserve_the_room_is_full(
    tmp_path: Path, few: None, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vaelab.data.cache.os.posix_fallocate", refuse)
    with pytest.raises(StorageError, match="the import of 200 images needs"):
        ImagesData(path=fill(tmp_path / "pictures", 200)).raw()
    assert not list((own_cache / "imports").iterdir())


def test_without_a_cache_pictures_are_in_memory(
    tmp_path: Path, few: None, own_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own_cache.write_text("a file where the folder should be")
    raw = ImagesData(path=fill(tmp_path / "pictures", 200, 30)).raw()
    assert isinstance(raw.train.images, np.ndarray)
    assert raw.train.images[:, 0, 0, 0].tolist() == list(range(200))
    assert "could not be kept" in caplog.text


def test_the_checksum_of_a_file_is_taken_once(
    path: Path, images: np.ndarray, monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> None:
    first = NpzData(path=path).raw().checksum
    with monkeypatch.context() as patch:
        patch.setattr("vaelab.data.raw.checksum", None)
        assert NpzData(path=path).raw().checksum == first
    np.save(path, images[::-1].copy())
    os.utime(path, ns=(1, 1))
    other = NpzData(path=path).raw().checksum
    assert other != first
    (known,) = [one for one in (own_cache / "checksums").iterdir() if one.read_text() == other]
    known.write_text("nonsense")
    assert NpzData(path=path).raw().checksum == other


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((9, 4, 4)), "dtype float64, but pixels are uint8"),
        (np.zeros((9, 4), np.uint8), r"shape \(9, 4\); wanted is"),
        (np.zeros((9, 2, 4, 2), np.uint8), r"shape \(9, 2, 4, 2\); wanted is"),
        (np.zeros((0, 4, 4), np.uint8), "0 images but 9 labels"),
        (np.zeros((9, 4, 4), np.uint8, "F"), "in Fortran's order; save"),
        (np.zeros((8, 4, 4), np.uint8), "8 images but 9 labels"),
        (np.array([None] * 9), "no NumPy array, or it is damaged"),
    ],
)
def test_wrong_files_of_images(tmp_path: Path, array: np.ndarray, message: str) -> None:
    np.save(tmp_path / "images.npy", array)
    np.save(tmp_path / "labels.npy", np.arange(9))
    with pytest.raises(BadValueError, match=message) as caught:
        NpzData(path=tmp_path / "images.npy").load()
    assert "images.npy" in str(caught.value)


def test_damaged_and_missing_files_of_images(path: Path) -> None:
    np.save(path.with_name("labels.npy"), np.ones(NUM) / 2)
    with pytest.raises(BadValueError, match=r"labels\.npy: dtype float64, but labels are int"):
        NpzData(path=path).load()
    content = path.read_bytes()
    for new in (b"(%d, 8, 8 , }" % NUM, b"(%d, 8,-8), }" % NUM, b"(%d, 8 08), }" % NUM, b""):
        path.write_bytes(content.replace(b"(%d, 8, 8), }" % NUM, new)[:-1])
        with pytest.raises(BadValueError, match=r"images\.npy: this is no NumPy array, or it is d"):
            NpzData(path=path).load()
    path.unlink()
    with pytest.raises(MissingFileError, match="there is no file"):
        NpzData(path=path).load()


def test_samples_are_compared_with_some_images_of_a_large_set(
    trained: Run, few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vaelab.quality.images.MAX_COMPARED_IMAGES", 50)
    quality = sample_quality(trained.path, features="pixels", images=40)
    assert quality.numbers["copying_pixels"].estimator == "50 training images"
    panel = NearestFigure(num=2).compute(figure_context(trained, trained.experiment.data.load()))
    assert panel.words["of"] == " among 50 of the 250"
    assert panel.arrays["samples_index"].max() < 50
