"""Requests, paths, bodies and frames that make no sense."""

import json
import random
import struct
import time
from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import Any

from tests.robustness.wire import RUN, Server, Socket, Trial, frame, request

SEED = 0

LET_IN = "GET /api/runs HTTP/1.1\r\nHost: HOST\r\nCookie: SECRET\r\nX-Vaelab: KEY\r\n"
POST = LET_IN.replace("GET /api/runs", "POST /api/training/command") + (
    "Content-Type: application/json\r\n"
)
ODD: dict[str, tuple[str, tuple[int, ...]]] = {
    "two hosts": (LET_IN + "Host: evil.example\r\n\r\n", (400, 403)),
    "no host": ("GET / HTTP/1.1\r\n\r\n", (400, 403)),
    "HTTP/1.0 without a host": ("GET / HTTP/1.0\r\n\r\n", (400, 403)),
    "length and chunks": (POST + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
                          (0, 400, 413)),
    "chunks": (POST + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", (400, 413)),
    "two lengths": (POST + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", (400,)),
    "a negative length": (POST + "Content-Length: -2\r\n\r\n{}", (400, 413)),
    "an endless length": (POST + f"Content-Length: {'9' * 30}\r\n\r\n{{}}", (400, 413)),
    "a whole address": (LET_IN.replace("GET /api", "GET http://HOST/api") + "\r\n",
                        (400, 403, 404)),
    "an address elsewhere": ("GET http://evil.example/ HTTP/1.1\r\nHost: HOST\r\n\r\n",
                             (400, 403, 404)),
    "a header of 200 kB": (LET_IN + f"X-A: {'a' * 200_000}\r\n\r\n", (200, 400, 431)),
    "10,000 headers": (LET_IN + "A: b\r\n" * 10_000 + "\r\n", (200, 400, 431)),
    "a name of 100 kB": (f"GET /{'a' * 100_000} HTTP/1.1\r\nHost: HOST\r\n\r\n",
                          (400, 403, 414, 431)),
    "a header with NUL": (LET_IN + "X-A: \0\r\n\r\n", (400,)),
    "a header without a colon": (LET_IN + "X-A\r\n\r\n", (400,)),
    "a folded header": (LET_IN + "X-A: a\r\n b\r\n\r\n", (200, 400)),
    "no method": (" / HTTP/1.1\r\nHost: HOST\r\n\r\n", (400,)),
    "a method of its own": ("BREW / HTTP/1.1\r\nHost: HOST\r\n\r\n", (405,)),
    "TRACE": (LET_IN.replace("GET", "TRACE") + "\r\n", (405,)),
    "CONNECT": ("CONNECT HOST HTTP/1.1\r\nHost: HOST\r\n\r\n", (400, 405)),
    "the next HTTP": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (0, 400, 403)),
    "a TLS greeting": ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", (0, 400)),
}  # fmt: skip


def odd() -> Iterator[Trial]:
    for name, (content, statuses) in ODD.items():

        def ask(
            server: Server, content: str = content, statuses: tuple[int, ...] = statuses
        ) -> str | None:
            real = content.replace("HOST", server.host).replace("SECRET", server.cookie)
            return server.wanted(real.replace("KEY", server.key).encode("latin-1"), *statuses)

        yield Trial(f"odd/{name}", ask)


PATHS = [
    "/api/runs/../../etc/passwd", "/api/runs/..%2f..%2fetc/bundle/manifest.json",
    "/api/runs/%2e%2e/bundle/manifest.json", f"/api/runs/{RUN}/bundle/..%2fconfig.yaml",
    f"/api/runs/{RUN}/bundle/../../{RUN}/config.yaml", f"/api/runs/{RUN}/bundle/%2fetc%2fpasswd",
    f"/api/runs/{RUN}/bundle/....//config.yaml",
    f"/api/runs/{RUN}/bundle/weights/../../config.yaml",
    f"/api/runs/{RUN}%00/bundle/manifest.json", f"/api/runs/{RUN}/bundle/manifest.json%00.png",
    f"/api/runs/{RUN}/bundle/..%5c..%5cconfig.yaml",
    f"/api/runs/{RUN}%2fexplorer/bundle/manifest.json",
    "/assets/../index.html", "/assets/..%2f..%2f..%2fpyproject.toml", "/assets/%2fetc%2fpasswd",
    "/assets/%00", f"/api/runs/{'%c3%a4' * 200}/bundle/manifest.json",
    f"/assets/{'%c3%a4' * 200}",
]  # fmt: skip


def traversal() -> Iterator[Trial]:
    for path in PATHS:

        def ask(server: Server, path: str = path) -> str | None:
            answer = server.ask("GET", path, server.own)
            if answer.status not in {400, 403, 404, 405}:
                return f"{answer.status}"
            leaks = b"root:" in answer.body or b"task_name" in answer.body
            return f"{answer.body[:200]!r}" if leaks else None

        yield Trial(f"traversal/{path[:60]}", ask)


# bodies that make no sense

ROUTES = ("training/start", "training/resume", "training/reset", "training/command",
          "training/set", f"runs/{RUN}/decode", f"runs/{RUN}/encode", "pictures/look",
          "pictures/train", "pictures/forget")  # fmt: skip
FIELDS = ("base", "run", "do", "set", "how", "name", "beta", "learning_rate", "pace", "stop_at",
          "on_close", "step", "z", "x", "class", "epochs", "pictures", "skip")  # fmt: skip
VALUES: list[Any] = [
    None, True, -1, 0, 1.5, 10**400, "", "\0", "\ud800", "../../etc", "ä" * 300, "digits\n", [],
    [[]], {}, {"a": {}}, ["digits"], [None] * 2000, {"kind": "npz", "path": "/etc/passwd"},
    float("nan"), float("inf"), {"model.latent": [2]}, "A" * 100_000,
]  # fmt: skip
TEXTS = [
    b"", b"{", b"}", b"[]", b"1", b'"a"', b"null", b"NaN", b"\xff\xfe", b"{}{}", b"{'a': 1}",
    b'{"do": "dance"', b"[" * 100_000, b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    b'{"do":' + b"[" * 40 + b"]" * 40 + b"}", b'{"epochs":' + b"1" * 6000 + b"}", b"\0" * 1000,
    b" " * 500_000, b'{"' + b"a" * 400_000 + b'": 1}', "{\"do\": \"\u2028\"}".encode("utf-16"),
]  # fmt: skip


def bodies() -> Iterator[Trial]:
    draw = random.Random(SEED)
    mixed = [{draw.choice(FIELDS): draw.choice(VALUES) for _ in range(3)} for _ in range(12)]
    same = [dict.fromkeys(FIELDS, value) for value in VALUES]
    texts = [*TEXTS, *(json.dumps(one).encode() for one in [*same, *mixed])]
    for route, (number, text) in product(ROUTES, enumerate(texts)):

        def ask(server: Server, route: str = route, text: bytes = text) -> str | None:
            answer = server.post(f"/api/{route}", text)
            if answer.status not in {400, 404, 409, 413}:
                return f"{answer.status}, {answer.body[:200]!r}"
            if answer.status == 413 and not answer.body:
                return None  # the connection was closed while the body was still on its way
            return None if len(json.loads(answer.body)["error"]) > 5 else "no words"

        yield Trial(f"bodies/{route} {number} {text[:40]!r}", ask)


SAID: dict[str, tuple[bytes, tuple[int, ...]]] = {
    "bytes": (frame(2, b'{"type": "drawn"}'), (1003,)),
    "no JSON": (frame(1, b"drawn"), (1008,)),
    "deep JSON": (frame(1, b"[" * 8000), (1008,)),
    "nothing that is known": (frame(1, b'{"type": "dance"}'), (1008,)),
    "a run that leads out": (frame(1, b'{"type": "watch", "run": "../x", "step": 0}'), (1008,)),
    "no UTF-8": (frame(1, b"\xff\xfe"), (1007,)),
    "no mask": (frame(1, b'{"type": "drawn"}', masked=False), (1002,)),
    "17 MB": (frame(1, b"a" * 17_000_000), (0, 1009)),
    "two to the 40 bytes": (b"\x81\xff" + struct.pack("!Q", 2**40), (0, 1009)),
    "a reserved opcode": (frame(3, b""), (1002,)),
    "a fragment of nothing": (frame(0, b"a"), (1002,)),
    "2,000 fragments": (frame(1, b"", final=False) + frame(0, b"a", final=False) * 2000 +
                        frame(0, b""), (1008,)),
    "a long ping": (frame(9, b"a" * 126), (1002,)),
}  # fmt: skip


def frames() -> Iterator[Trial]:
    for name, (content, codes) in SAID.items():

        def ask(
            server: Server, content: bytes = content, codes: tuple[int, ...] = codes
        ) -> str | None:
            with server.socket() as one:
                one.say(content)
                code = one.code()
            return None if code in codes else f"{code}"

        yield Trial(f"frames/{name}", ask)
    yield Trial("frames/150,000 in a row", _flood)
    yield Trial("frames/100 sockets", _hundred_sockets)


def _flood(server: Server) -> str | None:
    with server.socket() as one:
        for _ in range(150):
            one.say(frame(1, b'{"type": "drawn"}') * 1000)
        if server.wanted(request("GET", "/api/runs", server.own), 200):
            return "nobody else is answered"
        one.say(frame(1, b"that is all"))
        return None if (code := one.code()) == 1008 else f"{code}"


def _hundred_sockets(server: Server) -> str | None:
    time.sleep(1)  # those of the trials before are gone
    pages: list[Socket] = [server.socket() for _ in range(100)]
    try:
        if {one.status for one in pages} != {101}:
            return "some were refused without a word"
        told = [one.header()["type"] for one in pages[:32]]
        codes = Counter(one.code() for one in pages[32:])
        if told != ["state"] * 32 or codes != {1013: 68}:
            return f"{Counter(told)} {codes}"
        return server.wanted(request("GET", "/api/runs", server.own), 200)
    finally:
        for one in pages:
            one.__exit__()
        time.sleep(1)
