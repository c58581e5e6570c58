"""Imported data kept as memory-mapped arrays, so that the second start costs no import.

An entry is a folder `<kind>-<source>-<state>` of .npy files and a manifest. `source` is a hash of
what was asked for, `state` of the files it was read from (paths, sizes, modification times), so a
changed file finds no entry. A folder is built under another name and renamed when it is complete.
"""

import hashlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from platformdirs import user_cache_dir

from vaelab.config import Config
from vaelab.data.raw import Raw
from vaelab.data.store import Split
from vaelab.errors import MissingFileError, StorageError
from vaelab.files import write_text, write_whole


class Manifest(Config):
    """What an entry holds; written last, so that an entry without it is half-built."""

    format: Literal[1] = 1
    """Of the entry; another number is another program's."""
    classes: tuple[str, ...]
    """Names of the classes."""
    checksum: str
    """SHA-256 over pixels, labels and class names, as `Raw.checksum`."""
    images: dict[str, tuple[int, int, int, int]]
    """Shape of the images of each part that is not empty: train, test."""


def cache_folder() -> Path:
    """The folder for downloads and imports: VAELAB_CACHE, else the user's cache."""
    return Path(os.environ.get("VAELAB_CACHE") or user_cache_dir("vaelab")).expanduser()


def cached(kind: str, asked: str, files: Sequence[Path | str], read: Callable[[], Raw]) -> Raw:
    """The data that `read` would return, read only if it has not been before.

    Args:
        kind: of the source.
        asked: everything else that decides what `read` returns, files apart.
        files: what `read` reads, absolute; a change of name, size or time is another import.
        read: the import.

    Returns:
        The same arrays, memory-mapped copy-on-write where they come from the cache.
    """
    root = cache_folder() / "imports"
    family = f"{kind}-{_digest([asked])}"
    entry = root / f"{family}-{_digest(_state(files))}"
    raw = _open(entry)
    if raw is not None:
        return raw
    raw = read()
    try:
        _save(raw, entry)
    except (StorageError, OSError) as error:
        # a cache saves time; the lesson must go on without it
        logging.getLogger("vaelab").warning("the import could not be kept for next time: %s", error)
        return raw
    with suppress(OSError):  # another process may sweep the same
        _sweep(root, family, entry)
    return _open(entry) or raw


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
        train = _open_part(entry, manifest, "train")
        test = _open_part(entry, manifest, "test") if "test" in manifest.images else None
    except (OSError, EOFError, ValueError, KeyError):
        return None
    empty = train.select(np.arange(0))
    return Raw(train, empty if test is None else test, manifest.classes, manifest.checksum)


def _open_part(entry: Path, manifest: Manifest, part: str) -> Split:
    images = np.load(entry / f"{part}_images.npy", mmap_mode="c", allow_pickle=False)
    labels = np.load(entry / f"{part}_labels.npy", allow_pickle=False)
    if images.shape != manifest.images[part] or images.dtype != np.uint8:
        raise ValueError("the images are not those of the manifest")
    if labels.shape != images.shape[:1] or labels.dtype != np.int64:
        raise ValueError("the labels are not those of the manifest")
    return Split(images, labels)


def _save(raw: Raw, entry: Path) -> None:
    parts = {name: part for name, part in (("train", raw.train), ("test", raw.test)) if len(part)}
    shapes = {name: part.images.shape for name, part in parts.items()}
    manifest = Manifest(classes=raw.classes, checksum=raw.checksum, images=shapes)
    entry.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=entry.parent) as building:
        whole = Path(building) / "entry"
        for name, part in parts.items():
            write_whole(whole / f"{name}_images.npy", partial(_write_array, part.images))
            write_whole(whole / f"{name}_labels.npy", partial(_write_array, part.labels))
        write_text(whole / "manifest.json", manifest.model_dump_json(indent=2))
        if _open(entry) is None:
            _replace(entry, whole)


def _replace(entry: Path, whole: Path) -> None:
    shutil.rmtree(entry, ignore_errors=True)
    try:
        whole.rename(entry)
    except OSError:
        # another process was quicker, and its entry is as good
        if _open(entry) is None:
            raise


def _write_array(array: np.ndarray, file: BinaryIO) -> None:
    np.save(file, array, allow_pickle=False)


def _sweep(root: Path, family: str, entry: Path) -> None:
    """Remove former states of the same source, and what killed imports left a day ago."""
    former = [path for path in root.glob(f"{family}-*") if path != entry]
    yesterday = time.time() - 86_400
    abandoned = [path for path in root.glob(".building-*") if path.stat().st_mtime < yesterday]
    for path in former + abandoned:
        shutil.rmtree(path, ignore_errors=True)
