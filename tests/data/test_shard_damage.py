"""What is said of damaged, missing and doubled shards."""

import bz2
import gzip
import lzma
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from shardfiles import Files, cut, files, load, png, tar, whole

from vaelab.data import ShardsData
from vaelab.errors import BadValueError, MissingFileError

BAD: dict[str, tuple[Files, str]] = {
    "cut short": ([("2.png", png(7)[:50])], ".*damaged or cut short"),
    "no picture": ([("2.txt", b"hello")], "there is no picture; its files are txt"),
    "several pictures": ([("2.png", png(7)), ("2.jpg", png(7))], "there are several pictures"),
    "twice": ([("2.png", png(7)), ("2.png", png(7))], r"several files \.png"),
    "nonsense": ([("2.png", b"meow")], "this is no PNG"),
    "no label": ([("2.png", png(7)), ("2.cls", b" ")], r"\.cls is empty"),
    "twice of what is not read": (
        [("2.txt", b""), ("2.txt", b""), ("2.png", b"meow")],
        "this is no PNG",
    ),
    "bytes": ([("2.png", png(7)), ("2.cls", b"\xff\xfe")], r"\.cls is no text in UTF-8"),
    "a book": (
        [("2.png", png(7)), ("2.cls", b"1" * 2000)],
        r"\.cls is empty, or no short line",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_damaged_image_is_fatal_or_left_out(
    shards: Path, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    members, reason = BAD[case]
    tar(shards / "train-000002.tar", [*files([100]), *members, *files([101])])
    with pytest.raises(BadValueError, match=rf"train-000002\.tar, sample 2: {reason}.*=skip"):
        load(shards)
    store = load(shards, damaged="skip")
    assert store.training_images == 152
    assert sum(value in (100, 101) for batch in whole(store, 16, 2) for value in batch) == 2
    assert "1 damaged images or shards, " in caplog.text
    assert "sample 2: " in caplog.text


def test_a_decompression_bomb_in_a_shard(tmp_path: Path) -> None:
    bomb = tarfile.TarInfo("3.png")
    bomb.size = 2**40
    path = tar(tmp_path / "train-0.tar", files(range(20)))
    path.write_bytes(path.read_bytes()[: -tarfile.RECORDSIZE] + bomb.tobuf())
    with pytest.raises(BadValueError, match=r"train-0\.tar: "):
        load(tmp_path)


def cut_between(content: bytes) -> bytes:
    return content[: 2 * 2048]


def scratched(content: bytes) -> bytes:
    return content[: 10 * 2048] + b"\xff" * 512 + content[10 * 2048 + 512 :]


@pytest.mark.parametrize("harm", [cut, cut_between, scratched, lambda content: b"no tar" * 200])
def test_a_damaged_shard_is_fatal_or_left_out(
    shards: Path, harm: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    path = shards / "train-000000.tar"
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(BadValueError, match=r"train-000000\.tar: (this is no whole|it breaks off)"):
        load(shards)
    store = load(shards, damaged="skip")
    left = sorted(value for batch in whole(store, 16, 2) for value in batch)
    assert left == [*range(len(left) - 140), *range(60, 200)]
    assert len(left) < 200
    assert "1 damaged images or shards, and all behind the damage in a shard" in caplog.text


@pytest.mark.slow
def test_no_tar_file_makes_trouble_of_another_kind(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    content = tar(tmp_path / "whole", files(range(6))).read_bytes()
    used = np.frombuffer(content, dtype=np.uint8)[: 6 * 2048]
    for number in range(60):
        harmed = used.copy()
        header = 512 * draws.integers(len(used) // 512)
        places = header + draws.integers(512, size=3)
        harmed[places] = draws.integers(256, size=3)
        path = tmp_path / f"{number}" / "train-0.tar"
        path.parent.mkdir()
        path.write_bytes(harmed.tobytes() + content[len(used) :])
        with suppress(BadValueError):
            assert load(path.parent, damaged="skip", validation=0).training_images <= 5


def header(**fields: object) -> bytes:
    member = tarfile.TarInfo("././@LongLink")
    for name, value in fields.items():
        setattr(member, name, value)
    return member.tobuf(tarfile.GNU_FORMAT)


def with_pax(**headers: str) -> bytes:
    member = tarfile.TarInfo("9.png")
    member.pax_headers = {name.replace("_", "."): text for name, text in headers.items()}
    return member.tobuf(tarfile.PAX_FORMAT)


@pytest.mark.parametrize(
    "odd",
    [
        header(size=2**80),
        header(type=tarfile.GNUTYPE_LONGNAME, size=2**40),
        header(type=tarfile.GNUTYPE_LONGNAME, size=5) * 2000,
        with_pax(size="9" * 30),
        with_pax(GNU_sparse_map="a,b"),
    ],
    ids=["far too long", "longer than memory", "without end", "of 30 digits", "of letters"],
)
def test_odd_headers(shards: Path, odd: bytes) -> None:
    path = shards / "train-000000.tar"
    path.write_bytes(path.read_bytes()[: 60 * 2048] + odd)
    with pytest.raises(BadValueError, match=r"train-000000\.tar: (this is no whole|it breaks off)"):
        load(shards)
    assert load(shards, damaged="skip").training_images >= 140


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_shard(shards: Path, compress: Callable[[bytes], bytes]) -> None:
    path = shards / "train-000000.tar"
    path.write_bytes(compress(path.read_bytes()))
    with pytest.raises(BadValueError, match=r"train-000000\.tar: this tar file is compressed") as e:
        load(shards, damaged="skip")
    assert "copy" not in str(e.value)


def test_everything_is_damaged(tmp_path: Path) -> None:
    tar(tmp_path / "train-0.tar", [("0.png", b"meow")])
    with pytest.raises(BadValueError, match=r"none of the 1 train shards.*whole"):
        load(tmp_path, damaged="skip")


def test_an_image_that_goes_bad_later_is_fatal(shards: Path) -> None:
    store = load(shards, streams=2)
    path = shards / "train-000003.tar"
    content = path.read_bytes()
    path.write_bytes(content[: 4 * 2048] + b"\0" * 700 + content[4 * 2048 + 700 :])
    with pytest.raises(BadValueError, match=r"train-000003\.tar: there are 4 images where 39 were"):
        whole(store, 16, 1)
    path.write_bytes(content.replace(png(120), png(120)[:50].ljust(len(png(120)), b"\0")))
    with pytest.raises(BadValueError, match=r"train-000003\.tar, sample 000120: "):
        whole(store, 16, 1)


def test_a_missing_shard(shards: Path, caplog: pytest.LogCaptureFixture) -> None:
    pattern = {"train": str(shards / "train-{000000..000007}.tar"), "test": str(shards / "test*")}
    with pytest.raises(MissingFileError, match=r"train-000006\.tar: there is no such file; put"):
        ShardsData.model_validate(pattern).load()
    store = ShardsData.model_validate({**pattern, "damaged": "skip", "validation": 0}).load()
    assert store.training_images == 200
    assert "2 damaged images or shards" in caplog.text


def test_a_shard_under_two_names(shards: Path) -> None:
    (shards / "train-000006.tar").write_bytes((shards / "test-000000.tar").read_bytes())
    with pytest.raises(BadValueError, match=r"test shard .*test-000000.* train shard .*the same"):
        load(shards)


def test_a_folder_without_shards(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="no shards train"):
        load(tmp_path)
    with pytest.raises(MissingFileError, match="there is no folder"):
        load(tmp_path / "nowhere")
