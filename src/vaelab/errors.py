"""What the user can put right: each says what, where, what was wanted and what to do.

The command line prints these in a line or two and exits with 2; anything else is our fault.
"""


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
