"""Which files of a folder are images, and what their classes are called."""

import logging
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from mimetypes import MimeTypes
from pathlib import Path

from vaelab.console import visible
from vaelab.errors import BadValueError, MissingFileError, StorageError

_CLUTTER = frozenset({"thumbs.db", "desktop.ini"})
_TYPES = MimeTypes(filenames=())  # what Python knows, whatever the system's lists say
for _ending in (".cfg", ".db", ".ini", ".log", ".md", ".toml", ".url", ".yaml", ".yml"):
    _TYPES.add_type("text/plain", _ending)


@dataclass(frozen=True)
class Listing:
    """The image files below one folder, and how many hidden ones and the like are ignored.

    All are in the natural order of their names (2 before 10), whatever their class, so that a part
    of them is a mixture of classes.
    """

    root: Path
    classes: tuple[str, ...]
    files: tuple[str, ...]
    labels: tuple[int, ...]
    ignored: int

    def relabelled(self, classes: Sequence[str]) -> "Listing":
        """The same files with labels that are indices into the training classes."""
        unknown = [name for name in self.classes if name not in classes]
        if unknown:
            raise BadValueError(
                f"{self.root / unknown[0]}: there is no class `{unknown[0]}` among the training "
                f"images; their classes are {', '.join(classes)}"
            )
        indices = [classes.index(name) for name in self.classes]
        labels = tuple(indices[label] for label in self.labels)
        return replace(self, classes=tuple(classes), labels=labels)


def divisions(path: Path) -> tuple[Path, Path | None]:
    """The folders of training and test images below `path`; all of `path` if it has no `train`."""
    train, test = path / "train", path / "test"
    if not train.is_dir():
        return path, None
    return train, test if test.is_dir() else None


def list_images(root: Path, leaf: bool = False) -> Listing:
    """List `root/<class>/**/<file>` or, without classes, `root/<file>`.

    A single folder called `images` in between, as in `train/images/<class>`, is passed through.
    With `leaf` each folder that holds files is a class, `alphabet/character`. Hidden files and what
    file managers leave behind are no images; nor are other files, which is said. Links are followed
    as long as they stay inside `root`.
    """
    scan, top = _Scan(os.path.realpath(root)), root
    folders, files = scan.entries(root)
    if folders == ["images"] and not files:
        root = root / "images"
        folders, files = scan.entries(root)
    if folders and files:
        raise BadValueError(
            f"{root}: holds both folders ({folders[0]}) and files ({files[0]}); wanted is one "
            "folder for each class, or files only"
        )
    found: dict[str, list[str]] = {} if folders else {"images": files}
    for name in folders:
        inside = len(found)
        for folder, files in scan.walk(root, name):
            found.setdefault(folder if leaf else name, []).extend(files)
        if len(found) == inside:
            raise BadValueError(f"{root / name}: this class folder is empty; remove it or fill it")
    if scan.others:
        _say_ignored(str(top), len(scan.others), scan.others[0])
    listed = [
        (natural(os.path.basename(name)), label, os.path.join(root, name))
        for label, names in enumerate(found.values())
        for name in names
    ]
    if not listed:
        raise BadValueError(f"{root}: there are no images in this folder")
    listed.sort()  # equal names in the order of their classes
    _, labels, paths = zip(*listed, strict=True)
    return Listing(root, tuple(map(visible, found)), paths, labels, scan.ignored)


@cache
def _say_ignored(root: str, count: int, name: str) -> None:
    """Say once that files are no pictures."""
    words = f"{count:,} files that are no pictures are ignored, the first is"
    if count == 1:
        words = "a file that is no picture is ignored:"
    logging.getLogger("vaelab").warning("%s: %s %s", root, words, name)


def natural(name: str) -> tuple[list[tuple[bool, int, str]], str]:
    """A sorting key by which numbers count as numbers, 2.png before 10.png, and before letters."""
    pieces = re.findall(r"[0-9]+|[^0-9]+", name)
    keys = [(False, int(p), "") if p[0] in "0123456789" else (True, 0, p.lower()) for p in pieces]
    return keys, name


class _Scan:
    """A walk below the folder `home`, which no link leads out of, and what it leaves out."""

    def __init__(self, home: str) -> None:
        self.home, self.ignored, self.others = home, 0, list[str]()

    def walk(
        self, root: Path, folder: str, above: tuple[str, ...] = ()
    ) -> Iterator[tuple[str, list[str]]]:
        """Every folder from `folder` down that holds pictures, and these, as they lie below `root`.

        `above` are the places of the folders that hold it, links resolved.
        """
        place = os.path.realpath(root / folder)
        if place in (self.home, *above):
            raise BadValueError(f"{root / folder}: this link leads back to a folder that holds it")
        folders, files = self.entries(root, folder)
        if files:
            yield folder, files
        for name in folders:
            yield from self.walk(root, name, (*above, place))

    def entries(self, root: Path, folder: str = "") -> tuple[list[str], list[str]]:
        """The folders and what may be pictures in a folder, as they lie below `root`."""
        folders: list[str] = []
        files: list[str] = []
        others: list[str] = []
        try:
            with os.scandir(root / folder) as scan:
                for entry in scan:
                    name = os.path.join(folder, entry.name)
                    if entry.name.startswith(".") or entry.name.lower() in _CLUTTER:
                        self.ignored += 1
                    elif self._is_folder(entry):
                        folders.append(name)
                    else:
                        (others if _is_other(name) else files).append(name)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise MissingFileError(f"there is no folder {root / folder}") from error
        except OSError as error:
            raise StorageError(f"cannot read {root / folder}: {error.strerror}") from error
        self.others += sorted(others)
        return sorted(folders, key=natural), files

    def _is_folder(self, entry: "os.DirEntry[str]") -> bool:
        if entry.is_symlink() and not Path(os.path.realpath(entry)).is_relative_to(self.home):
            raise BadValueError(
                f"{entry.path}: this link leads out of the folder of pictures; put there what it "
                "points to"
            )
        try:
            return entry.is_dir()
        except OSError as error:
            raise BadValueError(
                f"{entry.path}: this link cannot be followed ({error.strerror}); remove it"
            ) from error


def _is_other(name: str) -> bool:
    """Whether a file's ending is that of text, a table, an archive; all else is looked into."""
    kind, packed = _TYPES.guess_type(name.lower())
    return packed is not None or (kind or "").startswith(("text/", "application/"))
