"""Opening the browser with no secret on its command line, which every user of a machine sees."""

import os
import secrets
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from html import escape
from pathlib import Path

from vaelab.data.cache import cache_folder
from vaelab.files import is_process

PAGE = (
    '<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
    '<meta http-equiv="refresh" content="0; url={address}"><title>vaelab</title>'
)
SECONDS = 0.5
"""Until the server answers."""


@contextmanager
def opened_in_browser(address: str) -> Iterator[None]:
    """A browser told to open an address, by a file that only this user can read.

    The file is there inside the block. Where it cannot be written no browser is opened.

    Args:
        address: with its secret.
    """
    path = _write(PAGE.format(address=escape(address, quote=True)))
    if path is not None:
        timer = threading.Timer(SECONDS, webbrowser.open, (path.as_uri(),))
        timer.daemon = True
        timer.start()
    try:
        yield
    finally:
        if path is not None:
            path.unlink(missing_ok=True)


def _write(page: str) -> Path | None:
    folder = cache_folder() / "explorer"
    path = folder / f"open-{os.getpid()}-{secrets.token_hex(8)}.html"
    with suppress(OSError, RuntimeError):
        folder.mkdir(parents=True, exist_ok=True)
        for left_over in folder.glob("open-*.html"):  # of servers that were killed
            pid = left_over.name.split("-")[1]
            if pid.isdecimal() and not is_process(int(pid)):
                left_over.unlink()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(page)
        return path.resolve()
    return None
