"""What reaches a terminal: nothing it would obey, in letters it has, and no end if it goes away."""

import errno
import io
import logging
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cache
from math import floor, isfinite, log10
from time import monotonic
from typing import Any, TextIO, TypeVar
from urllib.parse import urlsplit

import rich.console
from rich.text import Text

CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""What a terminal obeys (C0 but for tab and new line, C1), what turns text around, what ends a line
of YAML, and halves of characters, as which Python has bytes of names that are not UTF-8."""
MAX_WIDTH = 1000
QUIET_SECONDS = 10
"""In which nothing is said of how far something is that no terminal shows."""


def visible(text: str) -> str:
    r"""Text without anything that a terminal obeys: ESC becomes `\x1b`, the byte 0xff `\xff`."""
    return CONTROL.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    number = ord(found[0])
    if 0xDC80 <= number <= 0xDCFF:
        number -= 0xDC00  # a byte that was no UTF-8 (PEP 383)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


T = TypeVar("T")


class Console(rich.console.Console):
    """A terminal or a file, told nothing that a terminal obeys but rich's own colours."""

    def render_str(self, text: str, **options: Any) -> Text:
        """The text as rich shows it, but without emoji in place of words such as `:smile:`."""
        return super().render_str(visible(text), **{**options, "emoji": False})

    def say(self, text: str) -> None:
        """A line of plain text, however long."""
        self.print(text, markup=False, highlight=False, soft_wrap=True)


def plain(shown: rich.console.RenderableType) -> str:
    """What a terminal of 100 columns shows, as text without colours."""
    out = io.StringIO()
    Console(file=out, width=100, color_system=None).print(shown, crop=False)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def digits(value: float, figures: int) -> str:
    """A number to so many figures, all of what is before the point, and no power of ten."""
    if not isfinite(value) or value == 0:
        return f"{value:g}"
    places = max(0, figures - 1 - floor(log10(abs(value))))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if places else text


def with_error(value: float, error: float | None, figures: int = 4) -> str:
    """A number with its standard error, which has two figures, where it has one."""
    shown = digits(value, figures)
    return shown if error is None else f"{shown} ± {digits(float(f'{error:.2g}'), 2)}"


class Stream(io.TextIOWrapper):
    """Standard output or error, as long as it can be written; then nowhere.

    A command goes on when its terminal is closed or its disk is full, for what it has to do is not
    to print. What the encoding lacks is shown as an escape.

    Attributes:
        failure: why it could not be written.
    """

    failure: OSError | None = None

    def write(self, text: str) -> int:
        """Write, unless nobody reads."""
        with self._giving_up():
            super().write(text)
        return len(text)

    def flush(self) -> None:
        """Hand over what was written, likewise."""
        with self._giving_up():
            super().flush()

    @contextmanager
    def _giving_up(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.failure = self.failure or error
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)


@contextmanager
def streams() -> Iterator[tuple[Stream | TextIO, Stream | TextIO]]:
    """Standard output and error as `Stream`s inside the block."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = opened = _stream(before[0], 1), _stream(before[1], 2)
    try:
        yield opened
    finally:
        for stream in opened:
            stream.flush()
            if isinstance(stream, Stream):
                with suppress(OSError):
                    stream.detach()
        sys.stdout, sys.stderr = before


def _stream(stream: Any, number: int) -> Stream | TextIO:
    if stream is None:  # its shell has closed it; a file that is opened must not be taken for it
        null = os.open(os.devnull, os.O_RDONLY)
        if null != number:
            os.dup2(null, number)
            os.close(null)
        return Stream(
            io.BufferedWriter(io.FileIO(number, "w", closefd=False)), "utf-8", "backslashreplace"
        )
    if not isinstance(stream, io.TextIOWrapper):
        other: TextIO = stream  # a notebook's
        return other
    stream.flush()
    return Stream(
        stream.buffer, stream.encoding, "backslashreplace", line_buffering=stream.line_buffering
    )


def lost(stream: object) -> str | None:
    """Why a stream could not be written, in words; None where it was, or nobody wants to know."""
    failure = stream.failure if isinstance(stream, Stream) else None
    if failure is None:
        return None
    return "" if failure.errno == errno.EPIPE else failure.strerror or str(failure)


def track(items: Iterable[T], title: str, count: int | None = None) -> Iterator[T]:
    """Go through `items`, `count` where that is not their length, while a bar shows how far.

    Where no terminal watches, a line now and then says so, if it takes long.
    """
    console = Console(stderr=True)
    if console.is_terminal:
        from rich.progress import track as rich_track

        yield from rich_track(items, title, count, console=console, transient=True)
        return
    total = len(items) if count is None and isinstance(items, Sized) else count
    began = said = monotonic()
    for done, item in enumerate(items):
        now = monotonic()
        if now - said > QUIET_SECONDS:
            said = now
            console.say(f"{title}: {_how_far(done, total, now - began)}")
        yield item


def _how_far(done: int, total: int | None, seconds: float) -> str:
    if not done or not total or done > total:
        return "at it"
    left = timedelta(seconds=round(seconds / done * (total - done)))
    return f"{done / total:.0%}, about {left} left"


@contextmanager
def busy(title: str) -> Iterator[None]:
    """In this block a terminal shows what is being done, where nobody knows how long it takes."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    from rich.markup import escape

    with console.status(escape(visible(title))):
        yield


def tell_first(what: str, address: str) -> None:
    """Say once which host is asked, or told, and `what` is done there.

    The rest of the address may hold a password.
    """
    parts = urlsplit(address)
    host = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else address
    _tell(what, visible(host))


@cache
def _tell(what: str, host: str) -> None:
    logging.getLogger("vaelab").warning("%s %s, as the config says", what, host)
