"""Folders of pictures that the page was given: kept beside the runs, each whole or not at all."""

import os
import re
import shutil
import tarfile
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

from vaelab.errors import BadValueError
from vaelab.explorer.requests import plain
from vaelab.files import is_left_over, make_folder, make_folders, storing, temporary_name
from vaelab.runs.runfiles import unused_name

PICTURES = ".pictures"
"""The folder beside the runs in which those lie that runs are trained on."""
MAX_BYTES = 10**9
"""Of a folder and the headers around its files: some 300 photographs as telephones take them."""
MAX_FILES = 50_000
"""Of a folder; as many as are looked through in a minute or two."""
NAME = re.compile(r"[^/\\\x00-\x1f\x7f]+")
MAX_NAME_BYTES, MAX_DEPTH = 255, 32
COPIED_BYTES = 2**20


class Pictures:
    """A folder of pictures, for this process to keep or to remove.

    They are nobody's while another folder, hidden and named with the process, stands beside them.
    So what a killed server has left of them can be told from what a run is trained on.

    Attributes:
        path: the folder; it is there once all of it is.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._mark = path, temporary_name(path)

    def keep(self) -> None:
        """Have them stay when the server ends."""
        with storing(self.path):
            self._mark.rmdir()

    def offer(self) -> None:
        """Have them go when the server ends."""
        make_folder(self._mark)

    def remove(self) -> None:
        """Remove them; they are copies."""
        _remove(self.path, self._mark)

    def fill(self, archive: tarfile.TarFile, member: tarfile.TarInfo, place: list[str]) -> None:
        """Unpack a file, to be there with the others when all are `complete`."""
        target = self._mark.joinpath(self.path.name, *place)
        file = archive.extractfile(member)
        if file is None:
            raise BadValueError(f"{member.name} is no file, and only files are taken")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as written:
                shutil.copyfileobj(file, written, COPIED_BYTES)
        except (FileExistsError, NotADirectoryError) as error:
            raise BadValueError(f"{member.name} is there twice") from error

    def complete(self) -> None:
        """Put what was unpacked where it is to be."""
        (self._mark / self.path.name).rename(self.path)


def unpack(runs: Path, sent: BufferedReader, files: int) -> Pictures:
    """A folder of so many files, from a tar whose names all begin with the folder's.

    What is wrong with it leaves nothing behind.
    """
    folder = runs / PICTURES
    if os.path.islink(folder):
        raise BadValueError(f"{folder} is a symbolic link, which may lead anywhere; remove it")
    if not 0 < files <= MAX_FILES:
        raise BadValueError(
            f"a folder of 1 to {MAX_FILES:,} files can be sent, this one has {files:,}; larger "
            "ones: vaelab train FOLDER, which reads them where they lie"
        )
    make_folders(folder)
    pictures, first, found = None, "", 0
    try:
        with storing(folder), _opened(sent) as archive:
            for member in archive:
                top, *place = _parts(member)
                if pictures is None:
                    first = top
                    pictures = Pictures(folder / unused_name(folder, plain(top)))
                    pictures.offer()
                if top != first:
                    raise BadValueError(f"{member.name} is not in {first}; send one folder")
                pictures.fill(archive, member, place)
                found += 1
            if pictures is None or found != files:
                raise BadValueError(f"{found:,} files have come of {files:,}; send them again")
            pictures.complete()
            return pictures
    except BaseException as error:
        if pictures is not None:
            pictures.remove()
        if isinstance(error, tarfile.TarError | UnicodeError):
            raise BadValueError(f"what was sent is no tar of a folder ({error})") from error
        raise


def remove_left_over_pictures(runs: Path) -> None:
    """Remove what killed servers have left of pictures that no run was trained on."""
    folder = runs / PICTURES
    with suppress(OSError):
        for mark in [] if os.path.islink(folder) else filter(is_left_over, folder.iterdir()):
            _remove(folder / mark.name[1:].rsplit(".", 2)[0], mark)


def _opened(sent: BufferedReader) -> tarfile.TarFile:
    return tarfile.open(
        fileobj=sent, mode="r|", bufsize=COPIED_BYTES, encoding="utf-8", errors="strict"
    )


def _remove(path: Path, mark: Path) -> None:
    if not (mark / path.name).exists():  # what has not come whole is in there, and `path` another's
        shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(mark, ignore_errors=True)


def _parts(member: tarfile.TarInfo) -> list[str]:
    """The names on the way to a file, that of the folder first; no way leads elsewhere."""
    if member.type not in {tarfile.REGTYPE, tarfile.AREGTYPE} or member.issparse():
        raise BadValueError(f"{member.name!r} is no file, and only files are taken")
    parts = member.name.split("/")
    fit = all(NAME.fullmatch(one) and len(one.encode()) <= MAX_NAME_BYTES for one in parts)
    if not fit or {".", ".."} & set(parts) or not 2 <= len(parts) <= MAX_DEPTH:
        raise BadValueError(f"{member.name!r} is no name of a file in a folder")
    return parts
