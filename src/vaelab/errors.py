"""What the user can put right: each says what, where, what was wanted and what to do.

The command line prints these in a line or two and exits with 2; anything else is our fault.
"""

from pathlib import Path


class UserError(Exception):
    """Something the user can put right."""

    exit_code = 2


class BadValueError(UserError, ValueError):
    """A value that is wrong in itself."""


class BadCombinationError(UserError, TypeError):
    """Choices that are each right and do not go together."""


class MissingFileError(UserError, FileNotFoundError):
    """A file that is not there, with the command that makes it."""


class StorageError(UserError, OSError):
    """A disk that is full, a folder that cannot be written."""


class RunBusyError(UserError):
    """A run that another process writes.

    Args:
        folder: of the run.
        writer: who writes it, in words.
    """

    def __init__(self, folder: Path, writer: object) -> None:
        super().__init__(
            f"{folder} is being written by {writer}; wait until it has ended, stop it, or "
            "choose another task_name"
        )


class RunGoneError(UserError):
    """A run whose folder vanished while it was written.

    Args:
        folder: where it was.
        now: where it is, if it was moved and the system can tell.
    """

    def __init__(self, folder: Path, now: Path | None) -> None:
        there = (
            f"was moved to {now}; to go on there: vaelab train {now} --resume"
            if now is not None
            else "was removed; nothing of it was made again"
        )
        super().__init__(f"{folder} {there}")
