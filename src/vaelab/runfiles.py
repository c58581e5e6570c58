"""What vaelab writes into a run's folder, by name: only that is ever removed."""

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from vaelab.errors import BadValueError, MissingFileError, RunBusyError, StorageError
from vaelab.figures import BaseFigure
from vaelab.files import (
    is_left_over,
    is_temporary,
    make_folder,
    may_be_there,
    opened,
    storage_error,
    temporary_name,
    write_whole,
)
from vaelab.runlock import LOCK, WRITER, writer_of

CONFIG = "config.yaml"
FILES = re.compile(
    rf"{re.escape(CONFIG)}"
    r"|weights\.safetensors|resume\.safetensors|metrics\.jsonl|evaluation\.json"
    r"|evaluation_images\.safetensors|quality_[^/]+\.json|environment\.json|identity\.json|pca\.npz"
    rf"|{re.escape(LOCK)}|{re.escape(WRITER)}"
)
BUNDLE = re.compile(
    r"manifest\.json|labels\.u8|thumbs\.png|codes|weights|codes/\d{4}\.i16|weights/\d{4}\.f16"
)
FOLDERS = ("explorer", "explorer/codes", "explorer/weights")
TRACKERS = {
    "tensorboard": re.compile(r"events\.out\.tfevents\.[^/]+"),
    "wandb": re.compile(r"(?:offline-)?run-.+|latest-run|debug[\w-]*\.log|settings"),
}
"""What trackers write into a run, each into a folder of its own."""
OF_ONE_RUN = re.compile(
    rf"{re.escape(LOCK)}|{re.escape(WRITER)}|identity\.json|quality_[^/]+\.json"
    r"|evaluation\.json|evaluation_images\.safetensors"
)
"""What a copy that is trained on does not take over: it is another run, and nobody measured it."""
OF_THE_SYSTEM = {".DS_Store", "Thumbs.db", "desktop.ini"}
"""Files that systems put into every folder that is looked at."""
NAMED = 3
"""Names that an error lists."""


def find_runs(folder: Path) -> list[Path]:
    """The run folders directly in a folder, by name."""
    if not os.path.isdir(folder):
        raise MissingFileError(f"there is no folder {folder}; `vaelab train CONFIG` makes runs")
    try:
        with os.scandir(folder) as entries:
            shown = (Path(entry.path) for entry in entries if not entry.name.startswith("."))
            return sorted(path for path in shown if may_be_there(path / CONFIG))
    except OSError as error:
        raise StorageError(f"cannot read {folder}: {error.strerror}") from error


def refuse_hidden(path: Path) -> None:
    """Refuse a new run under a hidden name: what waits to be replaced or to be whole has one.

    Raises:
        BadValueError: with what to do.
    """
    if path.name.startswith("."):
        raise BadValueError(
            f"{path} would be hidden, as what waits to be replaced is; choose a name without a dot "
            "in front"
        )


def foreign(folder: Path, pictures: str) -> list[str]:
    """What lies in a run's folder that vaelab did not write: paths in it, sorted.

    Args:
        folder: of the run.
        pictures: name of the folder of its pictures.
    """
    return sorted(_name(folder, path) for path, ours in _contents(folder, pictures) if not ours)


def refuse_foreign(folder: Path, pictures: str, what: str) -> None:
    """Refuse to remove a folder that holds what vaelab did not write.

    Raises:
        BadValueError: naming it.
    """
    if names := foreign(folder, pictures):
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        raise BadValueError(
            f"{folder} holds what vaelab did not write ({', '.join(names[:NAMED])}{more}), so it "
            f"is not {what}; move that elsewhere, or choose another task_name"
        )


def refuse_links(folder: Path, pictures: str = "output") -> None:
    """Refuse a run in whose folder a symbolic link stands under a name of ours.

    It may lead to any file of whoever reads it, or over which they write. Only names are looked at,
    and files deeper inside are opened without following links.

    Raises:
        BadValueError: naming it.
    """
    names = [path for path in _listed(folder) if FILES.fullmatch(path.name)]
    for path in [*names, *(folder / name for name in (*FOLDERS, pictures))]:
        if os.path.islink(path):
            raise BadValueError(
                f"{path} is a symbolic link, which may lead anywhere, and is not followed; put "
                "what it leads to in its place"
            )


def _listed(folder: Path) -> list[Path]:
    try:
        return _inside(folder)
    except OSError:  # whoever reads from it says so
        return []


def remove_run(folder: Path, pictures: str) -> None:
    """Remove a run's folder, file by file.

    Raises:
        BadValueError: it holds what vaelab did not write; it is left whole.
        StorageError: it cannot be removed.
    """
    refuse_foreign(folder, pictures, "removed")
    _remove(folder, _contents(folder, pictures))
    try:
        folder.rmdir()
    except OSError as error:
        raise storage_error(folder, error) from error


def copy_run(folder: Path, pictures: str, target: Path) -> None:
    """Copy a run, to be trained on: what vaelab wrote of it, whole or not at all.

    Args:
        folder: of the run; it is left as it is.
        pictures: name of the folder of its pictures.
        target: where there is nothing yet.

    Raises:
        BadValueError: something in it is no ordinary file.
        RunBusyError: another process writes it.
        StorageError: there is no room, or something of the target's name.
    """
    temporary = temporary_name(target)
    for path in _inside(target.parent):
        if path.name.startswith(f".{target.name}.") and is_left_over(path):
            shutil.rmtree(path, ignore_errors=True)
    try:
        make_folder(temporary)
        for path in reversed([path for path, ours in _contents(folder, pictures) if ours]):
            if OF_ONE_RUN.fullmatch(path.name) or is_temporary(path.name):
                continue
            copied = temporary / path.relative_to(folder)
            if _is_folder(path):
                make_folder(copied)
            else:
                with opened(path) as file:
                    write_whole(copied, partial(shutil.copyfileobj, file))
        if (writer := writer_of(folder)) is not None:
            raise RunBusyError(folder, writer)
        temporary.rename(target)
    except OSError as error:
        raise storage_error(target, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_bundle(folder: Path) -> None:
    """Remove what vaelab wrote of an explorer's bundle, and its folder if that empties it."""
    _remove(folder, _known(folder, BUNDLE))
    with suppress(OSError):
        folder.rmdir()


def clean(folder: Path, pictures: str) -> None:
    """Remove what killed processes have left half-written in a folder that is locked."""
    begun = (folder / CONFIG).exists()  # before, nobody writes but who has the lock
    for path, _ in _contents(folder, pictures):
        if is_left_over(path) or (is_temporary(path.name) and not begun):
            with suppress(OSError):
                shutil.rmtree(path) if _is_folder(path) else path.unlink()


def is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing but what a killed process leaves before there is a run."""
    nothing = {LOCK, WRITER} | OF_THE_SYSTEM
    return all(path.name in nothing or is_temporary(path.name) for path in _inside(folder))


def _contents(folder: Path, pictures: str) -> Iterator[tuple[Path, bool]]:
    """Everything in a run's folder, contents of folders first, the config last; is it ours?"""
    folders = {**TRACKERS, "explorer": BUNDLE, pictures: _picture_names()}
    for path in sorted(_inside(folder), key=lambda path: path.name == CONFIG):
        if _is_folder(path) and path.name in folders:
            yield from _known(path, folders[path.name])
            yield path, True
        else:
            yield path, _is_ours(path, path.name, FILES)


def _picture_names() -> re.Pattern[str]:
    kinds = "|".join(map(re.escape, BaseFigure.axis.kinds))
    return re.compile(
        rf"preview\.png|(?:{kinds})(?:_[^/]*)?\.(?:npz|png|gif)|interp(?:_epoch_\d+)?(?:/\d+\.png)?"
    )


def _known(folder: Path, names: re.Pattern[str], prefix: str = "") -> Iterator[tuple[Path, bool]]:
    for path in _inside(folder):
        name = prefix + path.name
        ours = _is_ours(path, name, names)
        if _is_folder(path) and not is_temporary(path.name):
            yield from _known(path, names, f"{name}/")
        yield path, ours


def _is_ours(path: Path, name: str, names: re.Pattern[str]) -> bool:
    return bool(names.fullmatch(name)) or is_temporary(path.name) or path.name in OF_THE_SYSTEM


def _remove(folder: Path, contents: Iterable[tuple[Path, bool]]) -> None:
    for path, ours in contents:
        if not ours:
            continue
        try:
            if not _is_folder(path):
                path.unlink(missing_ok=True)
            elif is_temporary(path.name):
                shutil.rmtree(path)
            else:
                path.rmdir()
        except OSError as error:
            raise storage_error(path, error) from error


def _inside(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        return sorted(Path(entry.path) for entry in entries)


def _is_folder(path: Path) -> bool:
    """Not one that a symbolic link leads to."""
    return path.is_dir() and not path.is_symlink()


def _name(folder: Path, path: Path) -> str:
    name = path.relative_to(folder).as_posix()
    return f"{name}/" if _is_folder(path) else name
