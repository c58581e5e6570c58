"""What the user can put right: each says what, where, what was wanted and what to do.

The command line prints these in a line or two and exits with 2; anything else is our fault.
"""

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from shlex import quote

OF_THE_MACHINE = frozenset({
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO,
    errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENAMETOOLONG, errno.ELOOP,
})  # fmt: skip
"""What a system has against a file or a process whatever a program does."""


class UserError(Exception):
    """Something the user can put right."""

    exit_code = 2


class BadValueError(UserError, ValueError):
    """A value that is wrong in itself."""


class BadCombinationError(UserError, TypeError):
    """Choices that are each right and do not go together."""


@contextmanager
def any_code(what: str) -> Iterator[None]:
    """In this block runs code of the user's; what it raises is said behind `what`."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise BadCombinationError(f"{what}: {type(error).__name__}: {error}") from error


class MissingFileError(UserError, FileNotFoundError):
    """A file that is not there, with the command that makes it."""


class StorageError(UserError, OSError):
    """A disk that is full, a folder that cannot be written."""


STOPPED = 128
"""And the number of a signal: the exit code of what that signal has stopped, as shells have it."""


class StoppedError(UserError):
    """Work that was stopped before its end, by a signal of this number or a limit on its time."""

    def __init__(self, what: str, signal: int | None) -> None:
        super().__init__(what)
        if signal is not None:
            self.exit_code = STOPPED + signal


class RunBusyError(UserError):
    """A run that another process writes."""

    def __init__(
        self,
        folder: Path,
        writer: object,
        advice: str = "wait until it has ended, stop it, or choose another task_name",
    ) -> None:
        super().__init__(f"{folder} is being written by {writer}; {advice}")


class RunGoneError(UserError):
    """A run whose folder vanished while it was written; where it is `now`, if that is known."""

    def __init__(self, folder: Path, now: Path | None) -> None:
        there = (
            f"was moved to {now}; to go on there: vaelab train {typed(now)} --resume"
            if now is not None
            else "was removed; nothing of it was made again"
        )
        super().__init__(f"{folder} {there}")


def typed(path: Path | str) -> str:
    """A path in a command that a user may copy into a shell."""
    return quote(str(path))


def near(name: str, known: Iterable[str]) -> str:
    """The name that the user may have meant, as a question before what else is said, or nothing."""
    found = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean `{found[0]}`? " if found else ""


def machine_lacks(error: Exception) -> str | None:
    """What the machine has too little of, in words, where that is what an error says.

    Memory, open files, rights, room on a disk: what any line of a program may find missing.
    """
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        reason = str(error).partition("DefaultCPUAllocator: ")[2].partition(". Error")[0]
        return f"there is not enough memory{f' ({reason})' if reason else ''}"
    if isinstance(error, OSError) and error.errno in OF_THE_MACHINE:
        return f"{error.strerror}{f': {error.filename}' if error.filename else ''}"
    return None
