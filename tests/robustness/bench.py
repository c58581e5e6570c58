"""What trials begin with: a trained run, a sweep, data of every kind; ways to damage files."""

import gzip
import hashlib
import json
import os
import random
import shutil
import struct
import tarfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from tests.robustness.forks import MODULES, give, import_all, run_all
from tests.robustness.trial import Trial, nothing

SHORT = ("training.epochs=2", "training.threads=1", "data.validation=100", "explorer.keep=3",
         "model.encoder.widths=[16]", "model.decoder.widths=[16]", "training.batch_size=256",
         "training.log_every=5")  # fmt: skip
PICTURES = "figures={every_epoch: [], at_end: [latent, reconstruction, curves]}"
NONE = "figures={every_epoch: [], at_end: []}"
Way = Callable[[Path], object]


class Bench:
    """Material, made once by the command line itself.

    Args:
        scratch: where.
    """

    def __init__(self, scratch: Path) -> None:
        self.material, self.cache = scratch / "material", scratch / "cache"
        self.material.mkdir(parents=True)
        self.cache.mkdir()
        self._scratch = scratch / "making"
        self._do(_images, "train", "digits", *SHORT, PICTURES, "model.latent=3", "task_name=tiny")
        self._do(self.run, "evaluate", "runs/tiny", "--samples", "2")
        self._do(self.run, "quality", "runs/tiny", "--features", "pixels", "--images", "100")
        for epoch in range(3):
            _as_epoch(self.material / "runs/tiny/output", epoch)
        (self.material / "runs/tiny/identity.json").write_text('{"identity": "0f"}')
        self._do(self.run, "doctor", "runs/tiny")
        self._do(self.run, "fit-prior", "runs/tiny", "prior_fit.epochs=1", "--name", "other", NONE)
        self._do(self.run, "describe", "digits")
        self._do(self.run, "data", "show", "digits", "data={kind: images, path: pictures}")
        self._do(nothing, "data", "shard", "digits", "shards", "--samples-per-shard", "600")
        self._do(nothing, "sweep", "status", "runs/digits_sweep", inside=_sweep)
        for path in (self.cache, *self.cache.rglob("*")):
            give(path)

    def run(self, folder: Path) -> None:
        """The run in `runs/tiny`, evaluated, with pictures and a bundle, and data beside it."""
        shutil.copytree(self.material, folder, dirs_exist_ok=True, symlinks=True)

    def _do(self, make: Way, *words: str, inside: Callable[[], object] = nothing) -> None:
        trial = Trial(" ".join(words), words, make, inside)
        for _, wrong in run_all([trial], self._scratch, self.cache, making=True):
            if wrong:
                said = (self._scratch / "00000" / "err").read_text(errors="replace")
                raise SystemExit(f"{trial.what} went wrong: {wrong} {said}")
        import_all((self._scratch / "00000" / "tmp" / MODULES).read_text().splitlines())
        shutil.copytree(self._scratch / "00000" / "work", self.material, dirs_exist_ok=True)
        shutil.rmtree(self._scratch)


def _sweep() -> None:
    """Train a sweep in this process, where nobody need start others."""
    from vaelab.console import Console
    from vaelab.sweep import start_sweep
    from vaelab.sweep.worker import Worker
    from vaelab.training.interrupt import Interrupt

    settings = {"task_name": "digits", "data": {"kind": "digits", "validation": 100},
                "model": {"encoder": {"widths": [16]}},
                "training": {"epochs": 1, "threads": 1, "batch_size": 512}}  # fmt: skip
    folder = start_sweep(settings, ["objective.beta=1,2"], "grid", None, False, Path("runs"))
    Worker(folder, "one", 1, Console(quiet=True)).work(Interrupt())


def _images(folder: Path) -> None:
    """Small data of every kind."""
    draws = np.random.default_rng(0)
    pixels = draws.integers(0, 256, (40, 8, 8), dtype=np.uint8)
    labels = np.arange(40) % 2
    for number, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        path = folder / "pictures" / f"class{label}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    for ending in ("jpg", "webp", "bmp"):
        path = folder / "formats" / f"a.{ending}"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels[0]).convert("RGB").save(path)
        Image.fromarray(pixels[0]).save(path.with_name("b.png"))
    np.savez(folder / "arrays.npz", images=pixels, labels=labels)
    (folder / "npy").mkdir()
    np.save(folder / "npy" / "images.npy", pixels)
    np.save(folder / "npy" / "labels.npy", labels)
    rows = [",".join(map(str, [label, *image.ravel()])) for label, image in
            zip(labels, pixels, strict=True)]  # fmt: skip
    header = ",".join(["label", *(f"pixel{i}" for i in range(64))])
    (folder / "table.csv").write_text("\n".join([header, *rows]) + "\n")
    for ending in ("", ".gz"):
        folder_of = folder / f"idx{ending.strip('.')}"
        folder_of.mkdir()
        for part in ("train", "t10k"):
            _idx(folder_of / f"{part}-images-idx3-ubyte{ending}", pixels)
            _idx(folder_of / f"{part}-labels-idx1-ubyte{ending}", labels.astype(np.uint8))


def _idx(path: Path, array: np.ndarray) -> None:
    content = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()
    content += array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def _as_epoch(folder: Path, epoch: int) -> None:
    """The panel of the last weights as if it were an epoch's."""
    with np.load(folder / "latent.npz") as archive:
        arrays = dict(archive)
    words = json.loads(str(arrays.pop("words"))) | {"name": f"latent_epoch_{epoch}"}
    np.savez_compressed(
        folder / f"{words['name']}.npz", words=np.array(json.dumps(words)), **arrays
    )
    shutil.copy(folder / "latent.png", folder / f"{words['name']}.png")


def deep(opening: str, closing: str, depth: int) -> str:
    """Brackets in brackets."""
    return opening * depth + closing * depth


def bomb_npz(path: Path, names: tuple[str, ...], count: int, dtype: str = "u1") -> None:
    """A small archive of many zeros."""
    import zipfile

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                header = {"descr": f"|{dtype}", "fortran_order": False, "shape": (count,)}
                np.lib.format.write_array_header_1_0(file, header)
                for _ in range(count // 2**20):
                    file.write(bytes(2**20))


def ways(draws: random.Random) -> Iterator[tuple[str, Way]]:
    """How any file can be damaged, or be something else."""

    def content(make: Callable[[bytes], bytes]) -> Way:
        return lambda path: path.write_bytes(make(path.read_bytes()))

    def instead(make: Way) -> Way:
        def put(path: Path) -> None:
            path.unlink()
            make(path)

        return put

    def flipped(old: bytes) -> bytes:
        new = bytearray(old)
        for _ in range(8):
            if new:
                new[draws.randrange(len(new))] ^= 1 << draws.randrange(8)
        return bytes(new)

    yield "empty", content(lambda old: b"")
    yield "half", content(lambda old: old[: len(old) // 2])
    yield "8 bits flipped", content(flipped)
    yield "garbage", content(lambda old: draws.randbytes(3000))
    yield "more behind it", content(lambda old: old + draws.randbytes(500))
    yield "UTF-16", content(lambda old: "\ufeff{}".encode("utf-16"))
    yield "zeros", content(lambda old: bytes(len(old)))
    yield "missing", lambda path: path.unlink()
    yield "a folder", instead(lambda path: path.mkdir())
    yield "a pipe", instead(os.mkfifo)
    yield "a link to a private file", instead(lambda path: path.symlink_to(_secret(path)))
    yield "a link to /dev/zero", instead(lambda path: path.symlink_to("/dev/zero"))
    yield "a link to itself", instead(lambda path: path.symlink_to(path.name))
    yield "a terabyte of nothing", lambda path: os.truncate(path, 10**12)


def _secret(path: Path) -> Path:
    """The private file of a trial."""
    return next(folder / "secret" for folder in path.parents if (folder / "secret").is_file())


def texts(draws: random.Random) -> Iterator[tuple[str, Way]]:
    """How a file of JSON can be damaged besides."""
    for text in ("null", "[]", "3", '"text"', "{}", "true", "[[]]", '{"a": 1}', "NaN",
                 '{"steps": null, "numbers": [], "split": {}, "data_checksum": []}',
                 '{"numbers": {"elbo_nats": null}, "split": "test", "measure": "x"}',
                 '{"numbers": {"elbo_nats": {"value": "x"}}, "split": "test"}',
                 '{"a": ' + "9" * 5000 + "}", '{"a": "\\ud800"}',
                 '{"a": "\x1b]0;x\x07"}'):  # fmt: skip
        yield f"says {text[:30]!r}", lambda path, text=text: path.write_text(text + "\n")
    for depth in (2000, 100_000):
        yield f"{depth} brackets", lambda path, depth=depth: path.write_text(deep("[", "]", depth))
        yield f"{depth} objects", lambda path, depth=depth: path.write_text('{"a":' * depth)


def changed_json(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    """Read, change, write."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def changed_header(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    """Change what a .safetensors file says of itself, and the checksum of that."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    digest, _, text = header["__metadata__"]["vaelab"].split(" ", 2)
    about = json.loads(text)
    change(about)
    said = f"{digest} {json.dumps(about)}"
    own = hashlib.sha256(said.encode()).hexdigest()
    header["__metadata__"]["vaelab"] = said.replace(" ", f" {own} ", 1)
    new = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(new)) + new + content[8 + length :])


def tar_of(files: list[tuple[str, bytes]]) -> bytes:
    """A plain tar file."""
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, BytesIO(content))
    return buffer.getvalue()
