"""Files fetched from the first mirror that has them, checked, and written whole."""

import gzip
import hashlib
import logging
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vaelab.console import track
from vaelab.data.transfer import CHUNK, TransferError, answer
from vaelab.errors import BadValueError, MissingFileError, StorageError
from vaelab.files import write_bytes

ATTEMPTS = 2
"""Times each mirror is asked."""


@dataclass(frozen=True)
class Remote:
    """A gzipped file on a server (`name` without .gz), known by a SHA-256 as published."""

    name: str
    sha256: str
    of: Literal["content", "gzip"] = "content"

    def check(self, served: bytes) -> None:
        """Compare bytes as served with what is known of them."""
        try:
            checked = gzip.decompress(served) if self.of == "content" else served
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise BadValueError(f"sent no whole gzip file ({error})") from error
        got = hashlib.sha256(checked).hexdigest()
        if got != self.sha256:
            raise BadValueError(f"sent other content: SHA-256 {got[:9]}, not {self.sha256[:9]}")


def download(files: Sequence[Remote], mirrors: Sequence[str], folder: Path) -> None:
    """Make sure that every file lies in `folder` as `<name>.gz`, whole and right."""
    missing = [remote for remote in files if not _intact(folder / f"{remote.name}.gz", remote)]
    if not missing:
        return
    logging.getLogger("vaelab").info("downloading %d files into %s", len(missing), folder)
    for remote in missing:
        path, content = folder / f"{remote.name}.gz", _first_good(remote, mirrors, folder)
        try:
            write_bytes(path, content, parents=True)
        except StorageError as error:
            raise StorageError(
                f"cannot write {path}: {error.__cause__}; free some space, or name another folder "
                "in the environment variable VAELAB_CACHE"
            ) from error


def _intact(path: Path, remote: Remote) -> bool:
    try:
        remote.check(path.read_bytes())
    except (OSError, BadValueError):
        return False
    return True


def _first_good(remote: Remote, mirrors: Sequence[str], folder: Path) -> bytes:
    failures: dict[str, str] = {}
    for mirror in [*mirrors] * ATTEMPTS:
        address = f"{mirror.rstrip('/')}/{remote.name}.gz"
        try:
            return _get(remote, address)
        except (BadValueError, TransferError) as error:
            failures[address] = str(error)
            logging.getLogger("vaelab").info("%s: %s", address, error)
    tried = "\n".join(f"  {address}: {reason}" for address, reason in failures.items())
    raise MissingFileError(
        f"cannot download {remote.name}.gz; check the network and run `vaelab data fetch "
        f"{folder.name}` again, or put the four files into a folder and give it on the command "
        f"line as data.path; `mnist_3000` needs no download\ntried {ATTEMPTS} times each:\n{tried}"
    )


def _get(remote: Remote, address: str) -> bytes:
    with answer(address) as coming:
        size = int(coming.headers.get("Content-Length", 0))
        title = f"{remote.name}, {size / 1e6:.1f} MB" if size else remote.name
        chunks = track(coming.iter_content(CHUNK), title, -(-size // CHUNK) or None)
        served = b"".join(chunks)
    remote.check(served)
    return served
