"""Data files that are damaged, bombs, or no files at all."""

import gzip
import json
import os
import random
import struct
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.robustness.bench import Bench, Way, bomb_npz, deep, tar_of, texts, ways
from tests.robustness.damage import put_at
from tests.robustness.trial import Trial

SETS = {
    "arrays.npz": "data={kind: npz, path: arrays.npz}",
    "npy/images.npy": "data={kind: npz, path: npy/images.npy}",
    "npy/labels.npy": "data={kind: npz, path: npy/images.npy}",
    "table.csv": "data={kind: csv, train: table.csv}",
    "idx/train-images-idx3-ubyte": "data={kind: mnist, path: idx}",
    "idx/train-labels-idx1-ubyte": "data={kind: mnist, path: idx}",
    "idxgz/train-images-idx3-ubyte.gz": "data={kind: mnist, path: idxgz}",
    "idxgz/t10k-labels-idx1-ubyte.gz": "data={kind: mnist, path: idxgz}",
    "pictures/class1/1.png": "data={kind: images, path: pictures}",
    "formats/a.jpg": "data={kind: images, path: formats, size: 8}",
    "formats/a.webp": "data={kind: images, path: formats, size: 8}",
    "formats/a.bmp": "data={kind: images, path: formats, size: 8}",
    "shards/train-000000.tar": "data={kind: shards, path: shards}",
    "shards/index.json": "data={kind: shards, path: shards}",
}
INDEX = "shards/index.json"


def trials(bench: Bench, draws: random.Random) -> Iterator[Trial]:
    """Each file damaged in every way, and what only its format allows."""
    for name, data in SETS.items():
        for what, way in [*ways(draws), *_mutated(name, draws), *_special(name)]:
            yield _shown(bench, name, what, way, data)
    for what, way in texts(draws):
        yield _shown(bench, INDEX, what, way, SETS[INDEX])
    for name in ("csv, train", "npz, path", "mnist, path", "images, path", "shards, train",
                 "shards, path"):  # fmt: skip
        for place in ("/dev/zero", "/dev/null", "/dev/full", "/proc/self/mem", "/dev", "/proc",
            "pipe",
                      "socket", "/etc/passwd", ".", "~nobody/x", "x\\0y"):  # fmt: skip
            word = f'data={{kind: {name}: "{place}"}}'
            yield Trial(
                f"{name} is {place}", ("data", "show", "digits", word), partial(_odd, bench)
            )
    for name in ("encode", "reconstruct"):
        for what, way in [*ways(draws), *_special("pictures/class1/1.png")]:

            def make(folder: Path, way: Way = way) -> None:
                bench.run(folder)
                way(folder / "pictures/class1/1.png")

            yield Trial(
                f"{name} a picture {what}", (name, "runs/tiny", "pictures/class1/1.png"), make
            )


def _shown(bench: Bench, name: str, what: str, way: Way, data: str) -> Trial:
    def make(folder: Path) -> None:
        bench.run(folder)
        way(folder / name)

    return Trial(f"{name} {what}", ("data", "show", "digits", data), make)


def _odd(bench: Bench, folder: Path) -> None:
    import socket

    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(folder)
        listening.bind("socket")


def _mutated(name: str, draws: random.Random) -> Iterator[tuple[str, Way]]:
    """Some bytes anywhere, and some in the header."""
    for number in range(6):
        seed, only = draws.random(), 64 if number % 2 else None

        def mutate(path: Path, seed: float = seed, only: int | None = only) -> None:
            content, own = bytearray(path.read_bytes()), random.Random(seed)
            for _ in range(own.randrange(1, 12)):
                content[own.randrange(min(len(content), only or len(content)))] = own.randrange(256)
            path.write_bytes(bytes(content))

        yield f"mutated {number}", mutate


def _special(name: str) -> Iterator[tuple[str, Way]]:
    if name.endswith("images-idx3-ubyte"):
        for shape in ((2**31, 8, 8), (40, 2**20, 2**20), (0, 8, 8), (40, 0, 8), (2**32 - 1,) * 3):
            yield f"promises {shape}", partial(_header, shape=shape)
    if name.endswith("images-idx3-ubyte.gz"):
        for count in (2**20, 15 * 2**20, 2**24):
            yield f"a bomb of {count} images", partial(_gz_bomb, count=count)
        yield "many members", lambda path: path.write_bytes(gzip.compress(b"") * 100_000)
        yield (
            "a header without end",
            lambda path: path.write_bytes(b"\x1f\x8b\x08\x08" + bytes(6) + b"x" * 10**7),
        )
    if name == "arrays.npz":
        for count in (2**28, 2**30, 2**31):
            yield f"a bomb of {count}", partial(bomb_npz, names=("images", "labels"), count=count)
        yield "pickles", lambda path: np.savez(path, images=np.array([{}]), labels=np.zeros(1))
        yield "other types", lambda path: np.savez(path, images=np.zeros((4, 8, 8)), labels="x")
        yield "strings", lambda path: np.savez(path, images=np.array(["x"]), labels=np.array([1]))
        yield (
            "labels of 2**63",
            lambda path: np.savez(
                path,
                images=np.zeros((2, 8, 8), np.uint8),
                labels=np.array([0, 2**64 - 1], np.uint64),
            ),
        )
        yield (
            "labels far apart",
            lambda path: np.savez(
                path, images=np.zeros((2, 8, 8), np.uint8), labels=np.array([0, 2**62])
            ),
        )
        yield "no images", lambda path: np.savez(path, images=np.zeros((0, 8, 8), np.uint8),
                                                 labels=np.zeros(0, int))  # fmt: skip
        yield "one pixel", lambda path: np.savez(path, images=np.zeros((9, 1, 1), np.uint8),
                                                 labels=np.zeros(9, int))  # fmt: skip
    if name.endswith(".png"):
        for size in (
            (20_000, 20_000),
            (9000, 9000),
            (2**31 - 1, 1),
            (1, 2**31 - 1),
            (60_000, 1400),
        ):
            for colour in (0, 2, 6):
                yield (
                    f"a PNG of {size}, colour type {colour}",
                    partial(_png, size=size, colour=colour),
                )
        yield "16 MB of text in it", partial(_png, size=(8, 8), colour=0, text=2**24)
        yield "text that is a bomb", partial(_png, size=(8, 8), colour=0, packed=2**29)
        yield "an animation", partial(_png, size=(8, 8), colour=0, frames=10**6)
    if name == "table.csv":
        for text in ("", "\n", ",", "label\n", "a" * 10**8, "label,p\n" + "1," * 10**7,
            "label,p\n" * 10,
                     "label,p\n1,2\n" * 200_000, "label,p\n1,999999999999\n", 'label,p\n"1\n',
                     "\0" * 10**7,
                     ",".join(["p"] * (1 + 3000**2)), "label,p\n" + "\n" * 10**7,
                     "label,p\n" + '"' * 10**6):  # fmt: skip
            yield (
                f"{len(text)} letters {text[:12]!r}",
                lambda path, text=text: path.write_text(text),
            )
    if name.endswith(".tar"):
        yield from _tars()
    if name == INDEX:
        yield from _indices()


def _header(path: Path, shape: tuple[int, ...]) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4] + np.array(shape, dtype=">u4").tobytes() + content[16:])


def _gz_bomb(path: Path, count: int) -> None:
    with gzip.open(path, "wb") as file:
        file.write(bytes([0, 0, 8, 3]) + np.array([count, 8, 8], dtype=">u4").tobytes())
        for _ in range(64 * count // 2**20):
            file.write(bytes(2**20))
    for name in ("train-labels-idx1-ubyte.gz",):
        with gzip.open(path.with_name(name), "wb") as file:
            file.write(
                bytes([0, 0, 8, 1]) + np.array([count], dtype=">u4").tobytes() + bytes(count)
            )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def _png(
    path: Path, size: tuple[int, int], colour: int, text: int = 0, packed: int = 0, frames: int = 0
) -> None:
    width, height = size
    bytes_of_row = 1 + width * {0: 1, 2: 3, 6: 4}[colour]
    deflate, data = zlib.compressobj(1), b""
    left = min(bytes_of_row * height, 2**29)
    while left > 0:
        data += deflate.compress(bytes(min(left, 2**22)))
        left -= 2**22
    content = b"\x89PNG\r\n\x1a\n"
    content += _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
    if text:
        content += _chunk(b"tEXt", b"Comment\0" + b"x" * text)
    if packed:
        content += _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(packed), 9))
    if frames:
        content += _chunk(b"acTL", struct.pack(">II", frames, 0))
    path.write_bytes(content + _chunk(b"IDAT", data + deflate.flush()) + _chunk(b"IEND", b""))


def _tars() -> Iterator[tuple[str, Way]]:
    import tarfile

    picture = b"no picture"
    for what, files in (
        ("of nothing", []), ("with .. in it", [("../../../secret.png", picture)]),
        ("with / in it", [("/etc/x.png", picture)]), ("of escapes", [("\x1b[31m.png", picture)]),
        ("of a long name", [("x" * 5000 + ".png", picture)]), ("of dots", [("....", picture)]),
        ("a class of 1 MB", [("a.png", picture), ("a.cls", b"x" * 2**20)]),
        ("a class of escapes", [("a.png", picture), ("a.cls", b"\x1b[31m")]),
        ("two of one name", [("a.png", picture)] * 2), ("not in UTF-8", [("\udcff.png", picture)]),
    ):  # fmt: skip

        def write(path: Path, files: list[tuple[str, bytes]] = files) -> None:
            (path.with_name("index.json")).unlink()
            path.write_bytes(tar_of(files))

        yield what, write

    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, b"S", b"x"):

        def special(path: Path, kind: bytes = kind) -> None:
            with tarfile.open(path, "w") as archive:
                member = tarfile.TarInfo("a.png")
                member.type, member.linkname, member.size = kind, "/etc/passwd", 0
                archive.addfile(member)

        yield f"a member of type {kind!r}", special


def _indices() -> Iterator[tuple[str, Way]]:
    shard = ("splits", "train", "train-000000.tar")
    for place, value in [
        ((*shard, "shape"), [3, 100_000, 100_000]), ((*shard, "shape"), [0, 8, 8]),
        ((*shard, "shape"), [1, -8, 8]), ((*shard, "shape"), "x"), ((*shard, "shape"), [1, 8,
        10**12]),
        ((*shard, "samples"), 10**15), ((*shard, "samples"), -1), ((*shard, "samples"), 0),
        ((*shard, "labels"), {"0": 10**15}), ((*shard, "labels"), {"x": 1}), ((*shard, "labels"),
        {}),
        ((*shard, "bytes"), -1), ((*shard, "bytes"), 10**18), ((*shard, "sha256"), "\x1b[31m"),
        ((*shard, "sha256"), ""), ((*shard, "damaged"), {str(n): "x" for n in range(600)}),
        ((*shard, "damaged"), {"-1": "\x1b[31m"}), ((*shard, "broken"), "\x1b[31m"),
        ((*shard, "unlike"), "\x1b[31m"), ((*shard, "keys"), ["a"] * 5), (("classes",), []),
        (("classes",), ["\x1b[31m"] * 10), (("classes",), ["x" * 10**6] * 10), (("format",), 2),
        (("classes",), [str(n) for n in range(10**6)]), (("splits", "train"), {}),
        (("splits",), {"train": {"../../x.tar": {}}}), (("splits", "test"), {}), (("splits",), []),
        (("splits", "train", "train-000001.tar", "shape"), [3, 9, 9]),
    ]:  # fmt: skip
        yield f"{place[-1]} is {str(value)[:30]}", partial(_index, place=place, value=value)
    for depth in (500, 100_000):
        yield f"{depth} deep", lambda path, depth=depth: path.write_text(deep("[", "]", depth))


def _index(path: Path, place: tuple[str | int, ...], value: Any) -> None:
    content = json.loads(path.read_text())
    put_at(content, place, value)
    path.write_text(json.dumps(content))
