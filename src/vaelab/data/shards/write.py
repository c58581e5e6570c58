"""Writing any data as shards."""

import hashlib
import io
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from vaelab.data.pixels import UnitPixels
from vaelab.data.progress import track
from vaelab.data.shards.entry import INDEX, Entry, Index
from vaelab.data.shards.stream import Pixels, ShardStream
from vaelab.data.source import Source
from vaelab.data.store import Split, Store
from vaelab.errors import BadValueError, UserError
from vaelab.files import make_folders, storage_error, write_text
from vaelab.randomness import Purpose, generator

MEGABYTE = 10**6

Numbered = tuple[int, Pixels, int]
"""An image with its place in its split, and its class."""


@dataclass(frozen=True)
class Limits:
    """When a shard is full.

    Attributes:
        samples: images of a shard; None: a sixteenth of the training images, at most 10,000.
        megabytes: of the file, once they are passed.
    """

    samples: int | None = None
    megabytes: int = 500


def write_shards(source: Source, folder: Path, limits: Limits) -> str:
    """Write the images of every split of a source, bit for bit, as `ShardsData` reads them.

    Training images are written in a random order, so that neighbours in a shard have nothing in
    common; the name of a sample is its place in its split.

    Args:
        source: the data; what its pixels mean is left to whoever reads the shards.
        folder: new or empty.
        limits: of a shard.

    Returns:
        What was written, in words.

    Raises:
        UserError: as `Source.load`; or the folder holds something, or cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadValueError(f"{folder} is there already and not empty; choose another folder")
    store = source.model_copy(update={"pixels": UnitPixels()}).load()
    samples = limits.samples or min(10_000, -(-store.training_images // 16))
    splits = {
        "train": (_training(store, source.seed), store.training_images),
        "valid": (_in_order(store.valid), len(store.valid)),
        "test": (_in_order(store.test), len(store.test)),
    }
    try:
        with _filled_at_once(folder) as unfinished:
            written = {
                split: _write(images, count, unfinished / split, samples, limits.megabytes)
                for split, (images, count) in splits.items()
            }
            index = Index(format=1, classes=store.classes, splits=written)
            text = index.model_dump_json(exclude_defaults=True, indent=1) + "\n"
            write_text(unfinished / INDEX, text)
    except UserError:
        raise
    except OSError as error:
        raise storage_error(folder, error) from error
    told = ", ".join(f"{len(written[split])} of {count:,} {split} images"
                     for split, (_, count) in splits.items())  # fmt: skip
    lost = ""
    if store.factor_names:
        lost = f"; the factors {', '.join(store.factor_names)} are not kept, for shards have none"
    return f"written: {folder}, shards: {told}{lost}"


@contextmanager
def _filled_at_once(folder: Path) -> Iterator[Path]:
    """A folder inside a new or empty one, to which all that is in it moves at the end.

    Where something goes wrong before, nothing is left. The empty one stays what it is, for it may
    be a link, the working directory or where a disk is mounted.
    """
    made = not folder.exists()
    make_folders(folder)
    try:
        with tempfile.TemporaryDirectory(prefix="unfinished-", dir=folder) as unfinished:
            yield Path(unfinished)
            # the index first: whoever finds it misses what is not there yet
            for path in sorted(Path(unfinished).iterdir(), key=lambda path: path.name != INDEX):
                path.rename(folder / path.name)
    except BaseException:
        if made:
            with suppress(OSError):
                folder.rmdir()
        raise


def _in_order(split: Split) -> Iterator[Numbered]:
    return _chosen(split, np.arange(len(split)))


def _training(store: Store, seed: int) -> Iterator[Numbered]:
    if store.stream is not None:
        return _streamed(store.stream)
    order = torch.randperm(len(store.train), generator=generator(seed, Purpose.ORDER))
    return _chosen(store.train, order.numpy())


def _chosen(split: Split, order: np.ndarray) -> Iterator[Numbered]:
    for number in order.tolist():
        yield number, split.images[number : number + 1][0], int(split.labels[number])


def _streamed(stream: ShardStream) -> Iterator[Numbered]:
    """Those of other shards, in their order."""
    images = chain.from_iterable(map(stream.all_of, range(len(stream.shards))))
    for number, image in enumerate(images):
        yield number, image.pixels, image.label


def _write(
    images: Iterator[Numbered], count: int, stem: Path, samples: int, megabytes: int
) -> dict[str, Entry]:
    """Write the shards of a split; what each holds, by its name."""
    entries: dict[str, Entry] = {}
    bar = iter(track(range(count), f"writing {count:,} {stem.name} images"))
    while True:
        path = stem.with_name(f"{stem.name}-{len(entries):06d}.tar")
        labels: Counter[int] = Counter()
        shape = (0, 0, 0)
        with path.open("wb") as file, tarfile.open(fileobj=file, mode="w") as archive:
            for _ in bar:
                number, pixels, label = next(images)
                _add(archive, f"{number:09d}.png", _png(pixels))
                _add(archive, f"{number:09d}.cls", str(label).encode())
                labels[label] += 1
                shape = pixels.shape
                if labels.total() == samples or file.tell() >= megabytes * MEGABYTE:
                    break
        if not labels:
            path.unlink()
            return entries
        with path.open("rb") as done:
            sha256 = hashlib.file_digest(done, "sha256").hexdigest()
        entries[path.name] = Entry(
            bytes=path.stat().st_size,
            sha256=sha256,
            samples=labels.total(),
            labels={str(label): labels[label] for label in sorted(labels)},
            shape=shape,
        )


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)  # no time and no owner: the same images make the same file
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _png(pixels: Pixels) -> bytes:
    content = io.BytesIO()
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
    image.save(content, format="PNG")
    return content.getvalue()
