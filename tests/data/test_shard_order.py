"""The order of images in shards, whoever reads them."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Event
from threading import enumerate as threads

import numpy as np
import pytest
from shardfiles import CPU, load, values, whole

from vaelab.data.loading import training_batches
from vaelab.data.loading.batches import RankShare
from vaelab.data.loading.shards import deal, drawn_from
from vaelab.data.shards.stream import Image, ShardStream
from vaelab.errors import BadValueError


@pytest.mark.parametrize("size", [1, 7, 64, 199, 200, 1000])
@pytest.mark.parametrize("keys", [{}, {"streams": 1}, {"streams": 3, "buffer": 9}, {"buffer": 1}])
def test_every_image_once_an_epoch(shards: Path, size: int, keys: dict[str, int]) -> None:
    store = load(shards, **keys)
    batches = training_batches(store, size, CPU, RankShare())
    assert batches.images == store.training_images == 200
    seen = whole(store, size, 1)
    assert len(seen) == len(batches)
    assert sorted(value for batch in seen for value in batch) == list(range(200))
    for part in batches.epoch(5, 0):
        assert part.labels.tolist() == [value % 3 for value in values(part)]
    sizes = [len(batch) for batch in seen]
    assert sizes[:-1] == [size] * (len(sizes) - 1)


@pytest.mark.parametrize("buffer", [1, 24, 1000])
def test_several_processes_see_the_batches_of_one(shards: Path, buffer: int) -> None:
    store = load(shards, streams=6, buffer=buffer)
    alone = whole(store, 16, 1, epoch=1)
    assert all(whole(store, 16, world, epoch=1) == alone for world in (2, 3, 4, 6))


def test_each_shard_is_read_by_one_process(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vaelab.data.shards import stream

    opened: list[str] = []
    store, honest = load(shards), stream.open_shard
    monkeypatch.setattr(
        stream, "open_shard", lambda place, *how: (opened.append(place), honest(place, *how))[1]
    )
    whole(store, 16, 3)
    assert len(opened) == len(set(opened)) == 6


@pytest.mark.parametrize("first", [0, 1, 6, 12])
def test_an_epoch_goes_on_where_it_was_left(shards: Path, first: int) -> None:
    store = load(shards, streams=3, buffer=30)
    assert whole(store, 16, 2, epoch=2, first=first) == whole(store, 16, 2, epoch=2)[first:]


def test_epochs_differ_and_are_mixed(shards: Path) -> None:
    store = load(shards, streams=3, buffer=60)
    first, second = whole(store, 200, 1, epoch=0)[0], whole(store, 200, 1, epoch=1)[0]
    assert first != second
    assert whole(store, 200, 1, epoch=0)[0] == first
    halves = whole(store, 100, 1)
    assert all(40 < np.mean(half) < 160 for half in halves)
    # neighbours in a shard come far from one another
    place = np.argsort([value for batch in whole(store, 10, 1) for value in batch])
    assert np.mean(np.abs(np.diff(place))) > 20


@pytest.mark.parametrize("buffer", [1, 20, 1000])
def test_the_buffer_bounds_what_is_held(
    shards: Path, buffer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = 0
    honest = ShardStream.read

    def counted(self: ShardStream, *how: object) -> Iterator[Image]:
        nonlocal read
        for image in honest(self, *how):  # type: ignore[arg-type]
            read += 1
            yield image

    monkeypatch.setattr(ShardStream, "read", counted)
    stream = load(shards).stream
    assert stream is not None
    read, held = 0, []
    with ExitStack() as stack:
        images = stream.shuffled(range(6), buffer, 0, stack, Event())
        places = [
            held.append(read - given) or int(image.pixels.max())  # type: ignore[func-returns-value]
            for given, image in enumerate(images)
        ]
    assert sorted(places) == list(range(200))
    assert max(held) <= buffer
    if buffer == 20:
        assert np.abs(np.array(places) - np.arange(200)).mean() > 5


def test_each_stream_gives_its_share_of_every_prefix() -> None:
    lengths = [1, 1000, 7, 350, 350, 2]
    total, before = sum(lengths), np.zeros(6, dtype=np.int64)
    for count in range(total + 1):
        now = drawn_from(lengths, count)
        assert now.sum() == count
        assert (now >= before).all()
        assert (np.abs(now - np.array(lengths) * count / total) <= 1 + len(lengths) / 2).all()
        before = now
    assert before.tolist() == lengths


def test_the_shards_are_dealt_out() -> None:
    dealt = deal(10, 3, seed=0)
    assert sorted(shard for stream in dealt for shard in stream) == list(range(10))
    assert [len(stream) for stream in dealt] == [4, 3, 3]
    assert dealt != deal(10, 3, seed=1)


def test_more_processes_than_streams(shards: Path) -> None:
    with pytest.raises(BadValueError, match=r"7 processes.* 6 streams.*streams is 8.*6 training"):
        training_batches(load(shards), 16, CPU, RankShare(0, 7))


def test_the_threads_end_with_the_epoch(shards: Path) -> None:
    before = set(threads())
    with closing(training_batches(load(shards), 4, CPU, RankShare()).epoch(0, 0)) as parts:
        next(parts)
        assert set(threads()) - before  # one of two may have read all by now
    assert set(threads()) <= before
