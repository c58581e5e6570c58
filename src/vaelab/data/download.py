"""Files fetched from the first mirror that has them, checked, and written whole."""

import gzip
import hashlib
import io
import logging
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from vaelab.console import Console
from vaelab.errors import BadValueError, MissingFileError, StorageError
from vaelab.files import write_bytes

TIMEOUT = 20
"""Seconds a mirror may be silent."""
ATTEMPTS = 2
"""Times each mirror is asked."""


@dataclass(frozen=True)
class Remote:
    """A gzipped file on a server, known by the SHA-256 of its content or of the gzip file.

    Attributes:
        name: without .gz.
        sha256: as published.
        of: what it was taken of, the uncompressed bytes or the gzip file as served.
    """

    name: str
    sha256: str
    of: Literal["content", "gzip"] = "content"

    def check(self, served: bytes) -> None:
        """Compare bytes as served with what is known of them.

        Raises:
            BadValueError: they are others.
        """
        content = self.of == "content"
        got = _content_sha256(served) if content else hashlib.sha256(served).hexdigest()
        if got != self.sha256:
            raise BadValueError(f"sent other content: SHA-256 {got[:9]}, not {self.sha256[:9]}")


class _Bar:
    """The progress bar that pooch expects, drawn by rich."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        self.total = 0

    def update(self, amount: int) -> None:
        """Go on by `amount` bytes."""
        self._progress.update(self._task, total=self.total or None, advance=amount)

    def reset(self) -> None:
        """Start again from nothing."""
        self._progress.reset(self._task)

    def close(self) -> None:
        """Nothing: the bar closes with its block."""


def download(files: Sequence[Remote], mirrors: Sequence[str], folder: Path) -> None:
    """Make sure that every file lies in `folder` as `<name>.gz`, whole and right.

    A file that is there is checked too, and fetched again if it has been damaged.

    Args:
        files: what is wanted.
        mirrors: base addresses, tried in turn.
        folder: where to; made if need be.

    Raises:
        MissingFileError: no mirror had a file; says what each answered and what to do.
        StorageError: the folder cannot be written.
    """
    missing = [remote for remote in files if not _intact(folder / f"{remote.name}.gz", remote)]
    if not missing:
        return
    logging.getLogger("vaelab").info("downloading %d files into %s", len(missing), folder)
    with _progress() as progress:
        for remote in missing:
            content = _first_good(remote, mirrors, folder, progress)
            _keep(folder / f"{remote.name}.gz", content)


def _intact(path: Path, remote: Remote) -> bool:
    try:
        remote.check(path.read_bytes())
    except (OSError, BadValueError):
        return False
    return True


def _first_good(remote: Remote, mirrors: Sequence[str], folder: Path, progress: Progress) -> bytes:
    failures: dict[str, str] = {}
    for mirror in [*mirrors] * ATTEMPTS:
        address = f"{mirror.rstrip('/')}/{remote.name}.gz"
        try:
            return _get(remote, address, progress)
        except BadValueError as error:
            failures[address] = str(error)
            logging.getLogger("vaelab").info("%s: %s", address, error)
    tried = "\n".join(f"  {address}: {reason}" for address, reason in failures.items())
    raise MissingFileError(
        f"cannot download {remote.name}.gz; tried {ATTEMPTS} times each\n{tried}\n"
        f"check the network and run `vaelab data fetch {folder.name}` again, or put the four files "
        "into a folder and give it as data.path"
    )


def _get(remote: Remote, address: str, progress: Progress) -> bytes:
    task = progress.add_task(remote.name, total=None)
    try:
        served = _serve(address, _Bar(progress, task))
        remote.check(served)
    except BadValueError:
        progress.remove_task(task)
        raise
    return served


def _serve(address: str, bar: _Bar) -> bytes:
    """What the server sends.

    Raises:
        BadValueError: nothing, or not all of it.
    """
    import pooch  # with `requests` a fifth of a second, which only a download need spend
    import requests

    fetch = pooch.HTTPDownloader(
        progressbar=bar,
        chunk_size=1 << 16,
        timeout=TIMEOUT,
        headers={"Accept-Encoding": "identity"},  # the file as it is, not unpacked on the way
    )
    served = io.BytesIO()
    try:
        fetch(address, served, None)
    except requests.HTTPError as error:
        raise BadValueError(f"answered {str(error).partition(' for url')[0]}") from error
    except requests.Timeout as error:
        raise BadValueError(f"no answer within {TIMEOUT} seconds") from error
    except requests.ConnectionError as error:
        raise BadValueError("cannot be reached, or went silent") from error
    except requests.RequestException as error:
        raise BadValueError(f"the transfer broke off ({error})") from error
    return served.getvalue()


def _content_sha256(served: bytes) -> str:
    digest = hashlib.sha256()
    try:
        with gzip.open(io.BytesIO(served)) as file:
            while part := file.read(1 << 20):
                digest.update(part)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadValueError(f"sent no whole gzip file ({error})") from error
    return digest.hexdigest()


def _keep(path: Path, content: bytes) -> None:
    try:
        write_bytes(path, content, parents=True)
    except StorageError as error:
        raise StorageError(
            f"cannot write {path}: {error.__cause__}; free some space, or name another folder in "
            "the environment variable VAELAB_CACHE"
        ) from error


def _progress() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    return Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    )
