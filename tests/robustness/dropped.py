"""Folders of pictures that are none, and names of such that nobody has sent."""

import gzip
import json
from collections.abc import Iterator
from tarfile import BLOCKSIZE, TarInfo
from urllib.parse import quote

from tests.robustness.wire import RUN, Server, Trial, request

TAR = {"Content-Type": "application/x-tar"}
COUNTS = ("", "?files", "?files=", "?files=1.5", "?files=1e3", "?files=0x1", "?files=+1",
          "?files=%20", "?files=%D9%A1", f"?files={'9' * 9}", f"?files={'9' * 5000}",
          "?files=%00", "?files=1%0a", "?FILES=1", "?files=1&files=-1")  # fmt: skip
NAMES = ("", ".", "..", "../..", "../" + RUN, "/etc", RUN, ".pictures", "a\0", "a/../..", "\ud800",
         "ä" * 5000)  # fmt: skip


def _header(size: bytes) -> bytes:
    """Of a file that says how large it is in bytes of one's own."""
    content = bytearray(TarInfo("a/1.png").tobuf())
    content[124:136] = size
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content)
    return bytes(content)


TARS = {
    "of 8 GB in a line": _header(b"77777777777\0"),
    "of 2 to the 88 bytes": _header(b"\x80\x7f" + b"\xff" * 10),
    "of a size that is no number": _header(b"zzzzzzzzzzz\0"),
    "of less than nothing": _header(b"\xff" * 10 + b"\xe0\0") + bytes(BLOCKSIZE) * 2,
    "packed": gzip.compress(_header(b"00000000000\0") + bytes(2 * BLOCKSIZE)),
    "of 1,000 files in place of two": _header(b"00000000000\0") * 1000,
}


def dropped() -> Iterator[Trial]:
    yield from _sent()
    for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS"):
        for path in ("", "/look", "/train", "/forget"):

            def other(server: Server, method: str = method, path: str = path) -> str | None:
                address = f"/api/pictures{path}?files=1"
                return server.wanted(request(method, address, server.own), 405)

            yield Trial(f"pictures/{method} {path}", other)
    for secret, value in (("Cookie", ""), ("X-Vaelab", "key"), ("Origin", "http://evil.example"),
                          ("Host", "evil.example")):  # fmt: skip

        def stranger(server: Server, secret: str = secret, value: str = value) -> str | None:
            return server.wanted(_asked(server, "?files=1", b"x" * 100, **{secret: value}), 403)

        yield Trial(f"pictures/another {secret}", stranger)
    for route in ("look", "train", "forget"):
        for name in NAMES:

            def named(server: Server, route: str = route, name: str = name) -> str | None:
                body = json.dumps({"pictures": name}).encode()
                status = server.post(f"/api/pictures/{route}", body).status
                return None if status == (400 if name == "\ud800" else 404) else f"{status}"

            yield Trial(f"pictures/{route} {quote(name[:30], errors='replace')}", named)


def _sent() -> Iterator[Trial]:
    asked: list[tuple[str, str, bytes, dict[str, str], tuple[int, ...]]] = [
        *((f"count {count[:30]}", count, b"x" * 100, {}, (400, 431)) for count in COUNTS),
        *((f"a tar {name}", "?files=2", content, {}, (400,)) for name, content in TARS.items()),
        ("no kind", "?files=1", b"x", {"Content-Type": ""}, (415,)),
        ("no length", "?files=1", b"x", {"Content-Length": ""}, (400, 413)),
        ("less than nothing", "?files=1", b"x", {"Content-Length": "-1"}, (400, 413)),
        ("too much", "?files=1", b"x", {"Content-Length": "1000000001"}, (413,)),
        ("more than is", "?files=1", b"x", {"Content-Length": "1" + "0" * 30}, (400, 413)),
    ]  # fmt: skip
    for name, query, content, headers, statuses in asked:

        def ask(
            server: Server, query: str = query, content: bytes = content,
            headers: dict[str, str] = headers, statuses: tuple[int, ...] = statuses,
        ) -> str | None:  # fmt: skip
            return server.wanted(_asked(server, query, content, **headers), *statuses)

        yield Trial(f"pictures/{name}", ask)


def _asked(server: Server, query: str, content: bytes, **changed: str) -> bytes:
    return request("POST", f"/api/pictures{query}", {**server.own, **TAR, **changed}, content)
