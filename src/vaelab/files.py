"""Files: written whole (a temporary file beside the target, fsync, rename), read without trust."""

import errno
import os
import re
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BufferedReader
from itertools import count
from pathlib import Path
from typing import BinaryIO

from vaelab.errors import BadValueError, MissingFileError, StorageError, UserError

FORGOTTEN = 24 * 3600
"""Seconds after which any temporary file is taken for a leftover."""
HOLLOW = 2**31
"""Bytes from which on a file's holes are looked for."""
MAX_NAME_LENGTH = 150
"""Bytes of a target's name that its temporary name repeats, all of a name that a page has given;
systems allow 255 bytes."""
TEMPORARY = re.compile(r"\..+\.(?:(?P<host>[^.]+)-)?(?P<pid>\d+)\.(?:tmp|old)")


def write_whole(path: Path, write: Callable[[BinaryIO], object], parents: bool = False) -> Path:
    """Write `path` so that a reader finds the old content or the new, never a part.

    Args:
        path: the target.
        write: receives the open binary file and fills it.
        parents: whether to make the target's folder where it is missing. The folder of a run is
            not made again: one that has vanished under a training was removed or moved.

    Raises:
        StorageError: the folder is missing or cannot be written, or the disk is full; the old file
            is intact.
    """
    temporary = temporary_name(path)
    try:
        with storing(path):
            if parents:
                make_folders(path.parent)
            if os.path.exists(path) and not os.path.isfile(path):
                raise StorageError(f"cannot write {path}: it is no ordinary file")
            with temporary.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            put_in_place(temporary, path)
    finally:
        # after a successful rename there is nothing left to remove
        with suppress(OSError):
            temporary.unlink()
    return path


def write_bytes(path: Path, content: bytes, parents: bool = False) -> Path:
    """Write bytes whole."""
    return write_whole(path, lambda file: file.write(content), parents)


def write_text(path: Path, text: str, parents: bool = False) -> Path:
    """Write UTF-8 text whole."""
    return write_bytes(path, text.encode(), parents)


def make_folders(path: Path, target: Path | None = None) -> Path:
    """Make a folder, and those that it lies in; an error names the target where one is given."""
    try:
        os.makedirs(path, exist_ok=True)
    except (OSError, RecursionError, ValueError) as error:
        raise storage_error(target or path, error) from error
    return path


def make_folder(path: Path) -> Path:
    """Make a folder inside one that is there."""
    with storing(path):
        path.mkdir(exist_ok=True)
    return path


def temporary_name(path: Path) -> Path:
    """Where `path` is prepared: `.NAME.HOST-PID.tmp`, so that leftovers can be told."""
    name = os.fsdecode(os.fsencode(path.name)[:MAX_NAME_LENGTH])
    return path.with_name(f".{name}.{_host()}-{os.getpid()}.tmp")


def is_temporary(name: str) -> bool:
    """Whether `write_whole` and its like name what they prepare so."""
    return TEMPORARY.fullmatch(name) is not None


def is_left_over(path: Path) -> bool:
    """Whether a temporary file or folder was left by a process that was killed."""
    named = TEMPORARY.fullmatch(path.name)
    if named is None:
        return False
    if named["host"] in {None, _host()} and not is_process(int(named["pid"])):
        return True
    with suppress(OSError):  # of another machine, or the number is another process's by now
        return time.time() - path.lstat().st_mtime > FORGOTTEN
    return False


def remove_left_overs(folder: Path) -> None:
    """Remove what processes that were killed have left half-written in a folder."""
    with suppress(OSError):
        for path in filter(is_left_over, folder.iterdir()):
            path.unlink(missing_ok=True)


def is_process(number: int) -> bool:
    """Whether a process of this number runs on this machine."""
    if sys.platform == "win32":  # where signal 0 is no question
        return True
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def put_in_place(file: Path, path: Path) -> None:
    """Give a file, which is whole, the name of another beside it, for good."""
    with storing(path):
        file.replace(path)
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut, where the system has a way to say so."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.EBADF, errno.ENOTSUP}:  # some network disks
            raise
    finally:
        os.close(descriptor)


def open_ordinary(path: Path, follow: bool = False) -> BufferedReader:
    """An ordinary file to read, and nothing else that may stand under its name.

    A device or a pipe would be read for ever, and a symbolic link inside a folder from somebody
    else may lead to any file of one's own.

    Raises:
        MissingFileError: there is none.
        BadValueError: it is no ordinary file.
        StorageError: it cannot be read.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    flags |= 0 if follow else getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:  # the latter where no file can have such a name
        raise _unreadable(path, error) from error
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise BadValueError(f"{path} is no ordinary file and is not read")
        return open(descriptor, "rb")
    except BaseException as error:
        os.close(descriptor)
        if isinstance(error, IsADirectoryError):
            raise _unreadable(path, error) from error
        raise


@contextmanager
def opened(path: Path, follow: bool = False) -> Iterator[BufferedReader]:
    """The file that `open_ordinary` opens, inside the block."""
    with open_ordinary(path, follow) as file:
        try:
            yield file
        except OSError as error:
            if isinstance(error, UserError):
                raise
            raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError | ValueError) -> UserError:
    """Say in words why `path` could not be read."""
    if isinstance(error, ValueError | FileNotFoundError | NotADirectoryError):
        return MissingFileError(f"there is no file {path}")
    if error.errno == errno.ELOOP:
        return BadValueError(f"{path} is a symbolic link, which is not followed")
    return StorageError(f"cannot read {path}: {error.strerror or error}")


def read_bytes(path: Path, most: int, follow: bool = False) -> bytes:
    """The content of an ordinary file that has so many bytes at most."""
    with opened(path, follow) as file:
        if os.fstat(file.fileno()).st_size > most:
            raise BadValueError(f"{path} is longer than {most:,} bytes and is not read")
        return file.read(most)


def is_hollow(file: BinaryIO) -> bool:
    """Whether a large file has hardly anything on the disk: to read its zeros takes for ever."""
    fact = os.fstat(file.fileno())
    stored = 512 * getattr(fact, "st_blocks", fact.st_size)  # Windows does not tell
    return fact.st_size > HOLLOW and stored < fact.st_size // 16


def may_be_there(path: Path) -> bool:
    """Whether there is something of that name, or nobody may look; no error, whatever the name."""
    try:
        path.lstat()
    except PermissionError:
        return True
    except (OSError, ValueError):  # too long a name, or one that no system has
        return False
    return True


def output_path(
    given: Path | None, usual: str, overwrite: bool = False, others: Sequence[str] = ()
) -> Path:
    """Where to write a file; its folder is made.

    Args:
        given: what the user named; None: `usual` in the current folder, with a number in it where
            that is there already.
        usual: a file name such as `samples.png`.
        overwrite: write over a file that the user named.
        others: endings that may stand in the place of that of `usual`.
    """
    if given is None:
        path = Path(usual)
        numbers = count(2)
        while not overwrite and os.path.lexists(path):
            path = path.with_stem(f"{Path(usual).stem}-{next(numbers)}")
        return path
    if not overwrite and os.path.isfile(given):
        raise BadValueError(
            f"{given} is there already; --overwrite replaces it, or name another file"
        )
    if not given.name or os.path.isdir(given):
        raise BadValueError(
            f"cannot write {given}: it is a folder; name a file, such as {given / usual}"
        )
    endings = (Path(usual).suffix, *others)
    special = os.path.exists(given) and not os.path.isfile(given)  # it is refused as such
    if given.suffix.lower() not in endings and not special:
        raise BadValueError(
            f"cannot write {given}: what is written is {' or '.join(endings)}; name it "
            f"{given.with_suffix(endings[0])}"
        )
    make_folders(given.parent, given)
    return given


def _host() -> str:
    return socket.gethostname().replace(".", "_")[:64]


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """In this block an error of the system's is that `path` could not be written."""
    try:
        yield
    except OSError as error:
        raise storage_error(path, error) from error


def storage_error(path: Path, error: Exception) -> StorageError:
    """Say in words why `path` could not be written."""
    if isinstance(error, StorageError):
        return error
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    advice = "free some space or choose another folder"
    if isinstance(error, NotADirectoryError | FileExistsError):
        reason, advice = "there is a file where a folder has to be", "choose another folder"
    return StorageError(f"cannot write {path}: {reason}; earlier files are intact; {advice}")
