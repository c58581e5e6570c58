"""Which files of a folder are images, and what their classes are called."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vaelab.console import visible
from vaelab.errors import BadValueError, MissingFileError, StorageError

_CLUTTER = frozenset({"thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class Listing:
    """The image files below one folder.

    Attributes:
        root: the folder.
        classes: names of the classes, in natural order (2 before 10).
        files: all images in the natural order of their names, whatever their class, so that a part
            of them is a mixture of classes.
        labels: the index of each file's class.
    """

    root: Path
    classes: tuple[str, ...]
    files: tuple[str, ...]
    labels: tuple[int, ...]

    def relabelled(self, classes: Sequence[str]) -> "Listing":
        """The same files with labels that are indices into the training classes.

        Raises:
            BadValueError: a class that is not among them.
        """
        unknown = [name for name in self.classes if name not in classes]
        if unknown:
            raise BadValueError(
                f"{self.root / unknown[0]}: there is no class `{unknown[0]}` among the training "
                f"images; their classes are {', '.join(classes)}"
            )
        indices = [classes.index(name) for name in self.classes]
        labels = tuple(indices[label] for label in self.labels)
        return Listing(self.root, tuple(classes), self.files, labels)


def divisions(path: Path) -> tuple[Path, Path | None]:
    """The folders of training and test images below `path`; all of `path` if it has no `train`."""
    train, test = path / "train", path / "test"
    if not train.is_dir():
        return path, None
    return train, test if test.is_dir() else None


def list_images(root: Path) -> Listing:
    """List `root/<class>/<file>` or, without classes, `root/<file>`.

    A single folder called `images` in between, as in `train/images/<class>`, is passed through.
    Hidden files and what file managers leave behind are no images.

    Raises:
        MissingFileError: no such folder.
        BadValueError: an empty folder, or files and folders side by side.
    """
    folders, files = _entries(root)
    if folders == ["images"] and not files:
        root = root / "images"
        folders, files = _entries(root)
    if folders and files:
        raise BadValueError(
            f"{root}: holds both folders ({folders[0]}) and files ({files[0]}); wanted is one "
            "folder for each class, or files only"
        )
    if not folders:
        return _listing(root, {"images": (root, files)})
    folders.sort(key=natural)
    return _listing(root, {name: (root / name, _files(root / name)) for name in folders})


def natural(name: str) -> tuple[list[tuple[bool, int, str]], str]:
    """A sorting key by which numbers count as numbers, 2.png before 10.png, and before letters."""
    pieces = re.findall(r"[0-9]+|[^0-9]+", name)
    keys = [(False, int(p), "") if p[0] in "0123456789" else (True, 0, p.lower()) for p in pieces]
    return keys, name


def _listing(root: Path, classes: dict[str, tuple[Path, list[str]]]) -> Listing:
    found = [
        (natural(name), label, os.path.join(folder, name))
        for label, (folder, names) in enumerate(classes.values())
        for name in names
    ]
    if not found:
        raise BadValueError(f"{root}: there are no images in this folder")
    found.sort()  # equal names in the order of their classes
    _, labels, files = zip(*found, strict=True)
    return Listing(root, tuple(map(visible, classes)), files, labels)


def _files(folder: Path) -> list[str]:
    folders, files = _entries(folder)
    if folders:
        raise BadValueError(
            f"{folder}: holds the folder {folders[0]}, but a class folder holds images only"
        )
    if not files:
        raise BadValueError(f"{folder}: this class folder is empty; remove it or fill it")
    return files


def _entries(folder: Path) -> tuple[list[str], list[str]]:
    """The names of the folders and of the files in `folder`, without clutter."""
    folders: list[str] = []
    files: list[str] = []
    try:
        with os.scandir(folder) as scan:
            for entry in scan:
                if not entry.name.startswith(".") and entry.name.lower() not in _CLUTTER:
                    (folders if entry.is_dir() else files).append(entry.name)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingFileError(f"there is no folder {folder}") from error
    except OSError as error:
        raise StorageError(f"cannot read {folder}: {error.strerror}") from error
    return folders, files
