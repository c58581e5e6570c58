"""What vaelab writes into a run's folder, by name: only that is ever removed."""

import os
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from itertools import chain, count
from pathlib import Path

from vaelab.errors import BadValueError, MissingFileError, RunBusyError, StorageError
from vaelab.files import (
    is_left_over,
    is_temporary,
    make_folder,
    may_be_there,
    opened,
    storing,
    temporary_name,
    write_whole,
)
from vaelab.runs.runlock import LOCK, WRITER, writer_of

CONFIG = "config.yaml"
PICTURES = "output"
PER_IMAGE = "evaluation_images.safetensors"
"""The folder of pictures."""
FILES = (
    rf"{re.escape(CONFIG)}"
    r"|weights\.safetensors|resume\.safetensors(?:\.next)?|metrics\.jsonl|evaluation\.json"
    r"|evaluation_images\.safetensors|quality_[^/]+\.json|environment\.json|identity\.json|pca\.npz"
    rf"|{re.escape(LOCK)}|{re.escape(WRITER)}"
)
BUNDLE = (
    r"manifest\.json|labels\.u8|thumbs\.png|codes/(?:\d{4}\.i16)?|weights/(?:\d{4}\.(?:f16|q7))?"
)
FOLDERS = (PICTURES, "explorer", "explorer/codes", "explorer/weights")
TRACKERS = (
    r"tensorboard/(?:events\.out\.tfevents\.[^/]+)?"
    r"|wandb/(?:(?:offline-)?run-.+|latest-run|debug[\w-]*\.log|settings)?"
)
OF_ONE_RUN = re.compile(
    rf"{re.escape(LOCK)}|{re.escape(WRITER)}|identity\.json|quality_[^/]+\.json"
    r"|evaluation\.json|evaluation_images\.safetensors"
)
"""What a copy that is trained on does not take over: it is another run, and nobody measured it."""
OF_THE_SYSTEM = {".DS_Store", "Thumbs.db", "desktop.ini"}
"""Files that systems put into every folder that is looked at."""
NAMED = 3
"""Names that an error lists."""


def unused_name(folder: Path, name: str) -> str:
    """A name that nothing in a folder has: `name` itself, or with a number.

    Copies of a copy are counted on: beside `demo` and `demo-2` comes `demo-3`.
    """
    stem = re.sub(r"-\d+$", "", name)
    stem = stem if os.path.lexists(folder / stem) else name
    names = chain([name], (f"{stem}-{number}" for number in count(2)))
    return next(one for one in names if not os.path.lexists(folder / one))


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
    """Refuse a new run under a hidden name: what waits to be replaced or to be whole has one."""
    if path.name.startswith("."):
        raise BadValueError(
            f"{path} would be hidden, as what waits to be replaced is; choose a name without a dot "
            "in front"
        )


def foreign(folder: Path) -> list[str]:
    """What lies in a run's folder that vaelab did not write."""
    return sorted(name for name, ours in _contents(folder, _names()) if not ours)


def refuse_foreign(folder: Path, what: str) -> None:
    """Refuse to remove a folder that holds what vaelab did not write."""
    if names := foreign(folder):
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        raise BadValueError(
            f"{folder} holds what vaelab did not write ({', '.join(names[:NAMED])}{more}), so it "
            f"is not {what}; move that elsewhere, or choose another task_name"
        )


def refuse_links(folder: Path) -> None:
    """Refuse a run in whose folder a symbolic link stands under a name of ours.

    It may lead to any file of whoever reads it, or over which they write. Only names are looked at,
    and files deeper inside are opened without following links.
    """
    names = list(FOLDERS)
    with suppress(OSError):  # whoever reads from it says so
        names += [name for name in os.listdir(folder) if re.fullmatch(FILES, name)]
    for name in names:
        if os.path.islink(folder / name):
            raise BadValueError(
                f"{folder / name} is a symbolic link, which may lead anywhere, and is not "
                "followed; put what it leads to in its place"
            )


def remove_run(folder: Path) -> None:
    """Remove a run's folder, file by file.

    Raises:
        BadValueError: it holds what vaelab did not write; it is left whole.
        StorageError: it cannot be removed.
    """
    refuse_foreign(folder, "removed")
    _remove(folder, _names())
    with storing(folder):
        folder.rmdir()


def copy_run(folder: Path, target: Path) -> None:
    """Copy a run, to be trained on: what vaelab wrote of it, whole or not at all."""
    temporary = temporary_name(target)
    for name in os.listdir(target.parent):
        if name.startswith(f".{target.name}.") and is_left_over(target.with_name(name)):
            shutil.rmtree(target.with_name(name), ignore_errors=True)
    try:
        with storing(target):
            make_folder(temporary)
            for name, ours in _contents(folder, _names()):
                if not ours or OF_ONE_RUN.fullmatch(name) or _has_temporary(name):
                    continue
                if name.endswith("/"):
                    make_folder(temporary / name)
                else:
                    with opened(folder / name) as file:
                        write_whole(temporary / name, partial(shutil.copyfileobj, file))
            if (writer := writer_of(folder)) is not None:
                raise RunBusyError(folder, writer)
            temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_bundle(folder: Path) -> None:
    """Remove what vaelab wrote of an explorer's bundle, and its folder if that empties it."""
    _remove(folder, re.compile(BUNDLE))
    with suppress(OSError):
        folder.rmdir()


def made_again(folder: Path, history: bool = False) -> list[Path]:
    """Files of a run that are made again from its weights and data; none of one without weights.

    With its `history` what tells how it was trained too, which no command makes again: the
    explorer's steps, the pictures of epochs, the film.
    """
    if not may_be_there(folder / "weights.safetensors"):
        return []
    past = re.compile(rf"explorer/.*|{PICTURES}/(?:[^/]*_epoch_\d+[./].*|preview\.png|latent\.gif)")
    again = re.compile(rf"evaluation_images\.safetensors|{PICTURES}/.*")
    return [
        folder / name
        for name, ours in _contents(folder, _names())
        if ours and not name.endswith("/")
        and (history if past.fullmatch(name) else again.fullmatch(name))
    ]  # fmt: skip


def remove_files(files: Sequence[Path]) -> int:
    """Remove files, and the folders that this leaves empty; the bytes that they had.

    Raises:
        StorageError: one cannot be removed; those before it are.
    """
    freed = 0
    for path in files:
        with storing(path), suppress(FileNotFoundError):
            size = path.lstat().st_size
            path.unlink()
            freed += size
    for folder in sorted({path.parent for path in files}, reverse=True):
        with suppress(OSError):  # it holds something else
            folder.rmdir()
    return freed


def clean(folder: Path) -> None:
    """Remove what killed processes have left half-written in a folder that is locked."""
    begun = (folder / CONFIG).exists()  # before, nobody writes but who has the lock
    for name, _ in _contents(folder, _names()):
        path = folder / name
        if is_left_over(path) or (is_temporary(path.name) and not begun):
            with suppress(OSError):
                shutil.rmtree(path) if name.endswith("/") else path.unlink()


def is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing but what a killed process leaves before there is a run."""
    nothing = {LOCK, WRITER} | OF_THE_SYSTEM
    return all(name in nothing or is_temporary(name) for name in os.listdir(folder))


def _names() -> re.Pattern[str]:
    """Paths in a run's folder that are vaelab's; those of folders end with a slash."""
    from vaelab.figures import BaseFigure  # and with it PyTorch, which a list of runs does not use

    kinds = "|".join(map(re.escape, BaseFigure.axis.kinds))
    return re.compile(
        rf"{FILES}|{TRACKERS}|explorer/(?:{BUNDLE})?|{PICTURES}/(?:preview\.png"
        rf"|(?:{kinds})(?:_[^/]*)?\.(?:npz|png|gif|svg|pdf)|interp(?:_epoch_\d+)?/(?:\d+\.png)?)?"
    )


def _contents(folder: Path, names: re.Pattern[str]) -> list[tuple[str, bool]]:
    """Paths of everything in a folder, each folder before what is in it; is it ours?

    The config comes first, and what is in a folder that is not ours is left out.
    """
    found: list[tuple[str, bool]] = []
    inside = [""]
    while inside:
        prefix = inside.pop()
        with os.scandir(folder / prefix) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                name = prefix + entry.name + ("/" if entry.is_dir(follow_symlinks=False) else "")
                ours = entry.name in OF_THE_SYSTEM or _has_temporary(name)
                found.append((name, ours or bool(names.fullmatch(name))))
                if name.endswith("/") and found[-1][1]:
                    inside.append(name)
    return sorted(found, key=lambda item: item[0] != CONFIG)


def _has_temporary(name: str) -> bool:
    return any(map(is_temporary, name.split("/")))


def _remove(folder: Path, names: re.Pattern[str]) -> None:
    """Remove what is ours, the contents of folders first and the config last."""
    for name, ours in reversed(_contents(folder, names)):
        path = folder / name
        with storing(path):
            if ours and name.endswith("/"):
                path.rmdir()
            elif ours:
                path.unlink(missing_ok=True)
