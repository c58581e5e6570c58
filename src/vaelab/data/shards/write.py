"""Writing any data as shards."""

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from vaelab.console import track
from vaelab.data.pixels import UnitPixels
from vaelab.data.shards.index import INDEX, Entry, Index
from vaelab.data.shards.stream import LABEL, Pixels, webdataset
from vaelab.data.source import Source
from vaelab.data.store import Store
from vaelab.errors import BadValueError, UserError
from vaelab.files import make_folders, storage_error, write_text
from vaelab.imaging import png
from vaelab.randomness import Purpose, generator

Numbered = tuple[int, Pixels, int]
"""An image with its place in its split, and its class."""


def write_shards(
    source: Source, folder: Path, samples: int | None = None, megabytes: int = 500
) -> str:
    """Write the images of every split of a source as `ShardsData` reads them; what, in words.

    Training images are written in a random order, so that neighbours in a shard have nothing in
    common; the name of a sample is its place in its split. What pixels mean is left to whoever
    reads the shards, which are full with so many `samples`, by default a sixteenth of the training
    images, at most 10,000, and once they pass so many `megabytes`.
    """
    webdataset()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadValueError(f"{folder} is there already and not empty; choose another folder")
    store = source.model_copy(update={"pixels": UnitPixels()}).load()
    if store.train.images.dtype != np.uint8:
        raise BadValueError("shards hold pictures of 8 bits, but the data's pixels are floats")
    samples = samples or min(10_000, -(-store.training_images // 16))
    counts = {name: len(split) for name, split in store.splits.items()}
    counts["train"] = store.training_images
    try:
        with _filled_at_once(folder) as unfinished:
            written = {}
            for split, count in counts.items():
                images = track(_numbered(store, split, source.seed), f"writing {split}", count)
                written[split] = _write(images, count, unfinished / split, samples, megabytes)
            index = Index(format=1, classes=store.classes, splits=written)
            text = index.model_dump_json(exclude_defaults=True, indent=1) + "\n"
            write_text(unfinished / INDEX, text)
    except UserError:
        raise
    except OSError as error:
        raise storage_error(folder, error) from error
    told = (
        f"{len(written[split])} with {count:,} {split} images" for split, count in counts.items()
    )
    names = ", ".join(store.factor_names)
    lost = f"; the factors {names} are not kept, for shards have none" if names else ""
    return f"written: {folder}; shards: {', '.join(told)}{lost}"


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


def _numbered(store: Store, name: str, seed: int) -> Iterator[Numbered]:
    split, order = store.splits[name], torch.arange(len(store.splits[name]))
    if name == "train" and store.stream is not None:  # other shards, in their order
        shards = range(len(store.stream.shards))
        for number, image in enumerate(chain.from_iterable(map(store.stream.read, shards))):
            yield number, *image
        return
    if name == "train":
        order = torch.randperm(len(split), generator=generator(seed, Purpose.ORDER))
    for number in order.tolist():
        yield number, split.images[number : number + 1][0], int(split.labels[number])


def _write(
    images: Iterator[Numbered], left: int, stem: Path, samples: int, megabytes: int
) -> dict[str, Entry]:
    """Write the shards of a split; what each holds, by its name."""
    entries: dict[str, Entry] = {}
    while left:
        path = stem.with_name(f"{stem.name}-{len(entries):06d}.tar")
        labels: Counter[str] = Counter()
        # no time and no owner: the same images make the same file
        how = {"user": "", "group": "", "mtime": 0, "encoder": False}
        with path.open("wb") as file, webdataset().TarWriter(file, **how) as archive:
            for number, pixels, label in images:
                picture = png(pixels.transpose(1, 2, 0))
                content = {"png": picture, LABEL: str(label).encode()}
                archive.write({"__key__": f"{number:09d}", **content})
                labels[str(label)] += 1
                if labels.total() == samples or file.tell() >= megabytes * 10**6:
                    break
        with path.open("rb") as done:
            sha256 = hashlib.file_digest(done, "sha256").hexdigest()
        entries[path.name] = Entry(
            bytes=path.stat().st_size, sha256=sha256, samples=labels.total(), shape=pixels.shape,
            labels={label: labels[label] for label in sorted(labels, key=int)},
        )  # fmt: skip
        left -= labels.total()
    return entries
