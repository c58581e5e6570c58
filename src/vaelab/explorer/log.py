"""New rows of a run's log, as they come."""

import json
from contextlib import suppress
from pathlib import Path

from vaelab.errors import UserError
from vaelab.files import opened
from vaelab.records import Row


class Log:
    """What is added to a log, look by look.

    Args:
        path: of the log, which need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0
        self._file: int | None = None

    def skip(self) -> None:
        """Leave out what is there already."""
        with suppress(OSError):
            found = self.path.stat()
            self._read, self._file = found.st_size, found.st_ino

    def rows(self) -> list[Row]:
        """The rows since the last look; all of them where the log was written anew."""
        try:
            found = self.path.stat()
            if found.st_ino != self._file or found.st_size < self._read:
                self._read, self._file = 0, found.st_ino
            if found.st_size == self._read:
                return []
            with opened(self.path) as file:
                file.seek(self._read)
                text = file.read()
        except (OSError, UserError):
            return []
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        return [row for line in whole.splitlines() if (row := _row(line)) is not None]


def _row(line: bytes) -> Row | None:
    """What a line says, if it says a step and a split."""
    with suppress(ValueError, RecursionError):
        row = json.loads(line, parse_constant=_refuse)
        if isinstance(row, dict) and isinstance(row.get("step"), int) and "split" in row:
            return row
    return None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON, and no browser reads it")
