"""Imported data kept as memory-mapped arrays, so that the second start costs no import.

An entry is a folder `<kind>-<source>-<state>` of .npy files and a manifest. `source` is a hash of
what was asked for, `state` of the files it was read from (paths, sizes, modification times), so a
changed file finds no entry. A folder is built under another name and renamed when it is complete.
"""

import hashlib
import logging
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from math import prod
from pathlib import Path
from typing import BinaryIO, Literal
from uuid import uuid4

import numpy as np
from jaxtyping import UInt8
from numpy.lib import format as npy
from platformdirs import user_cache_dir

from vaelab.config import Config
from vaelab.data.mapped import MAX_MEMORY_BYTES, MappedImages, map_array, open_images, write_header
from vaelab.data.raw import Raw
from vaelab.data.store import Images, Split
from vaelab.errors import MissingFileError, StorageError
from vaelab.files import make_folders, write_text, write_whole

IMAGES, LABELS = "images.npy", "labels.npy"


class Manifest(Config):
    """What an entry holds; written last, so that an entry without it is half-built."""

    format: Literal[2] = 2
    """Of the entry; another number is another program's."""
    classes: tuple[str, ...]
    checksum: str
    """SHA-256 over pixels, labels and class names, as `Raw.checksum`."""
    images: tuple[int, int, int, int]
    """Shape of the images, `(n, c, h, w)`: first those for training, then those for test."""
    train: int
    """How many are for training."""


def cache_folder() -> Path:
    """The folder for downloads and imports: VAELAB_CACHE, else the user's cache."""
    return Path(os.environ.get("VAELAB_CACHE") or user_cache_dir("vaelab")).expanduser()


def cached(kind: str, asked: str, files: Sequence[Path | str], read: Callable[[Path], Raw]) -> Raw:
    """The data that `read`, given the folder for `room`, would return, read only once.

    `asked` is everything that decides what it returns, but for the kind of source and the files
    that it reads, absolute, a change of whose names, sizes or times is another import. Images from
    the cache are memory-mapped; an array of them may be written to, which changes no file.
    """
    root = cache_folder() / "imports"
    family = f"{kind}-{_digest([asked])}"
    entry = root / f"{family}-{_digest(_state(files))}"
    if (raw := _open(entry)) is not None:
        return raw
    building = root / f".building-{uuid4().hex}"
    try:
        raw = read(building)
        try:
            _save(raw, building, entry)
        except OSError as error:
            # a cache saves time; the lesson must go on without it
            words = "the import could not be kept for next time: %s"
            logging.getLogger("vaelab").warning(words, error)
            return raw
    finally:
        shutil.rmtree(building, ignore_errors=True)
    with suppress(OSError):  # another process may sweep the same
        _sweep(root, family, entry)
    return _open(entry) or raw


def room(building: Path, shape: tuple[int, int, int, int]) -> UInt8[np.ndarray, "n c h w"]:
    """An array for an import to fill: in memory, or a file of the entry to be where it is large.

    What was in a former one of the same folder, which `cached` gave, is given up.
    """
    if prod(shape) <= MAX_MEMORY_BYTES:
        return np.empty(shape, np.uint8)
    path = building / IMAGES
    try:
        make_folders(building)
        path.unlink(missing_ok=True)
    except OSError:
        return np.empty(shape, np.uint8)
    size, free = prod(shape), shutil.disk_usage(building).free
    full = (
        f"the import of {shape[0]:,} images needs {size / 1e9:.1f} GB in {building.parent}, where "
        f"{free / 1e9:.1f} GB are free; free some space, or name a folder on another disk by the "
        "environment variable VAELAB_CACHE"
    )
    if size > free:
        raise StorageError(full)
    try:
        with path.open("xb") as file:
            write_header(file, shape)
            file.truncate(file.tell() + size)
            if sys.platform == "linux":
                # else a disk that fills up kills the process that writes to the mapped file
                os.posix_fallocate(file.fileno(), 0, file.tell() + size)
    except OSError as error:
        raise StorageError(full) from error
    return npy.open_memmap(path, mode="r+")


def filled(images: UInt8[np.ndarray, "n c h w"]) -> Images | MappedImages:
    """The array that `room` gave, now that it is filled."""
    if not isinstance(images, np.memmap):
        return images
    images.flush()
    return open_images(Path(str(images.filename)))


def cached_checksum(kind: str, files: Sequence[Path | str], find: Callable[[], str]) -> str:
    """The checksum that `find` returns, found once for every state of the files."""
    path = cache_folder() / "checksums" / f"{kind}-{_digest(_state(files))}.txt"
    with suppress(OSError, ValueError):
        known = path.read_text()
        if re.fullmatch(r"[0-9a-f]{64}", known):
            return known
    found = find()
    with suppress(StorageError):
        write_text(path, found, parents=True)
    return found


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()[:16]


def _state(files: Sequence[Path | str]) -> list[str]:
    try:
        facts = [(path, os.stat(path)) for path in files]
    except FileNotFoundError as error:
        raise MissingFileError(f"there is no file {error.filename}") from error
    return [f"{path} {fact.st_size} {fact.st_mtime_ns}" for path, fact in facts]


def _open(entry: Path) -> Raw | None:
    """The entry, or None where it is missing, half-built, damaged or of another format."""
    try:
        manifest = Manifest.model_validate_json((entry / "manifest.json").read_text())
        images = open_images(entry / IMAGES)
        labels = np.array(map_array(entry / LABELS))
    except (OSError, ValueError):
        return None
    suited = labels.shape == images.shape[:1] and labels.dtype == np.int64
    if images.shape != manifest.images or not suited:
        return None
    whole, count = Split(images, labels), manifest.train
    train, test = whole.select(slice(count)), whole.select(slice(count, None))
    return Raw(train, test, manifest.classes, known=manifest.checksum)


def _save(raw: Raw, building: Path, entry: Path) -> None:
    count = len(raw.train) + len(raw.test)
    manifest = Manifest(
        classes=raw.classes, checksum=raw.checksum, train=len(raw.train),
        images=(count, *raw.train.image_shape),
    )  # fmt: skip
    make_folders(building)
    if not (building / IMAGES).is_file():  # else it was filled while reading
        write_whole(building / IMAGES, partial(_write_images, raw))
    labels = np.concatenate([raw.train.labels, raw.test.labels])
    write_whole(building / LABELS, lambda file: np.save(file, labels, allow_pickle=False))
    write_text(building / "manifest.json", manifest.model_dump_json(indent=2))
    with suppress(OSError):
        building.rename(entry)
    if _open(entry) is None:  # else another process was quicker, and its entry is as good
        shutil.rmtree(entry, ignore_errors=True)
        building.rename(entry)


def _write_images(raw: Raw, file: BinaryIO) -> None:
    shape = (len(raw.train) + len(raw.test), *raw.train.image_shape)
    write_header(file, shape, raw.train.images.dtype)
    for split in (raw.train, raw.test):
        file.write(np.ascontiguousarray(split.images[:]).data)


def _sweep(root: Path, family: str, entry: Path) -> None:
    """Remove former states of the same source, and what killed imports left a day ago."""
    former = [path for path in root.glob(f"{family}-*") if path != entry]
    yesterday = time.time() - 86_400
    abandoned = [path for path in root.glob(".building-*") if path.stat().st_mtime < yesterday]
    for path in former + abandoned:
        shutil.rmtree(path, ignore_errors=True)
