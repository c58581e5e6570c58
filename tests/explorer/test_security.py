"""Only the page that the terminal's address opened may read and drive the server."""

import asyncio
from itertools import product
from typing import Any

import pytest

from vaelab.explorer.pictures import MAX_BYTES
from vaelab.explorer.security import MAX_BODY_BYTES, PICTURES_SENT, Gate, Guard

GATE = Gate(8008)
HOST, ORIGIN = "127.0.0.1:8008", "http://127.0.0.1:8008"
COOKIE = f"vaelab_8008={GATE.cookie}"


async def inner(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"secret"})


def ask(
    headers: dict[str, str], kind: str = "http", method: str = "GET", path: str = "/api/runs",
    query: str = "", gate: Gate = GATE,
) -> list[dict[str, Any]]:  # fmt: skip
    """What the guarded application answers; the key goes the way that each kind has for it."""
    sent: list[dict[str, Any]] = []
    given = dict(headers)
    key = given.pop("X-Vaelab", None) if kind == "websocket" else None
    scope = {
        "type": kind, "method": method, "path": path, "query_string": query.encode(),
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in given.items()],
        "subprotocols": ["vaelab"] if key is None else ["vaelab", f"vaelab-key.{key}"],
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Guard(inner, gate)(scope, receive, send))
    return sent


HOSTS = {
    HOST: True, "localhost:8008": True, "[::1]:8008": True,
    "evil.example": False, "evil.example:8008": False, "127.0.0.1": False, "127.0.0.1:8009": False,
    "127.0.0.1.evil.example:8008": False, "0.0.0.0:8008": False, "": False,
}  # fmt: skip
ORIGINS = {
    None: True, ORIGIN: True, "http://localhost:8008": True,
    "null": False, "": False, "http://evil.example": False, "http://127.0.0.1:8009": False,
    "https://127.0.0.1:8008": False, "http://evil.example:8008": False,
    "http://127.0.0.1:8008.evil.example": False,
}  # fmt: skip
SECRETS = {
    (COOKIE, GATE.key): True,
    (f"other=1; {COOKIE}", GATE.key): True,
    (COOKIE, None): False,
    (COOKIE, ""): False,
    (COOKIE, "1"): False,
    (COOKIE, GATE.key[:-1]): False,
    (COOKIE, GATE.cookie): False,
    (None, GATE.key): False,
    ("", GATE.key): False,
    ("vaelab_8008=", GATE.key): False,
    (f"vaelab_8008={GATE.key}", GATE.key): False,
    (f"vaelab_8009={GATE.cookie}", GATE.key): False,
    (f"{COOKIE}x", GATE.key): False,
}


@pytest.mark.parametrize(("host", "origin"), list(product(HOSTS, ORIGINS)))
def test_reading_and_listening(host: str, origin: str | None) -> None:
    for (cookie, key), known in SECRETS.items():
        given = {"Host": host, "Origin": origin, "Cookie": cookie, "X-Vaelab": key}
        headers = {name: value for name, value in given.items() if value is not None}
        right = HOSTS[host] and ORIGINS[origin] and known
        answer = ask(headers)
        assert answer[0]["status"] == (200 if right else 403), (cookie, key)
        assert (b"secret" in answer[1]["body"]) == right
        # a WebSocket must say where it comes from
        socket = ask(headers, kind="websocket", path="/api/live")
        accepted = right and origin is not None
        assert socket[0]["type"] == ("websocket.accept" if accepted else "websocket.close")


GOOD = {
    "Host": HOST, "Cookie": COOKIE, "Origin": ORIGIN, "Content-Type": "application/json",
    "X-Vaelab": GATE.key, "Content-Length": "2",
}  # fmt: skip


@pytest.mark.parametrize(
    ("method", "change", "status"),
    [
        ("POST", {}, 200),
        ("POST", {"Content-Type": "application/json; charset=utf-8"}, 200),
        ("POST", {"Content-Type": "text/plain"}, 415),
        ("POST", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ("POST", {"Content-Type": None}, 415),
        ("POST", {"X-Vaelab": None}, 403),
        ("POST", {"X-Vaelab": "1"}, 403),
        ("POST", {"Content-Length": None}, 413),
        ("POST", {"Content-Length": str(MAX_BODY_BYTES + 1)}, 413),
        ("POST", {"Content-Length": "many"}, 413),
        ("POST", {"Cookie": None}, 403),
        ("POST", {"Origin": "http://evil.example"}, 403),
        ("POST", {"Host": "evil.example:8008"}, 403),
        ("PUT", {}, 405),
        ("DELETE", {}, 405),
        ("OPTIONS", {}, 405),
    ],
)
def test_changing(method: str, change: dict[str, str | None], status: int) -> None:
    headers = {k: v for k, v in (GOOD | change).items() if v is not None}
    answer = ask(headers, method=method, path="/api/training/start")
    assert answer[0]["status"] == status


TAR = {"Content-Type": "application/x-tar", "Content-Length": str(MAX_BYTES)}


@pytest.mark.parametrize(
    ("path", "change", "status"),
    [
        (PICTURES_SENT, {}, 200),
        (PICTURES_SENT, {"Content-Type": "application/json"}, 415),
        (PICTURES_SENT, {"Content-Length": str(MAX_BYTES + 1)}, 413),
        (PICTURES_SENT, {"Content-Length": "-1"}, 413),
        (PICTURES_SENT, {"X-Vaelab": "1"}, 403),
        (PICTURES_SENT, {"Cookie": ""}, 403),
        (PICTURES_SENT, {"Origin": "http://evil.example"}, 403),
        (f"{PICTURES_SENT}/look", {}, 415),
        (f"{PICTURES_SENT}/", {}, 415),
        ("/api/training/start", {}, 415),
    ],
)
def test_pictures_are_sent_to_one_place_alone(
    path: str, change: dict[str, str], status: int
) -> None:
    assert ask(GOOD | TAR | change, method="POST", path=path)[0]["status"] == status


@pytest.mark.parametrize("path", ["/", "/assets/index-1.js"])
def test_the_page_itself_holds_no_secret_and_is_there_for_every_browser(path: str) -> None:
    assert ask({"Host": HOST}, path=path)[0]["status"] == 200
    assert ask({"Host": "evil.example:8008"}, path=path)[0]["status"] == 403
    assert ask({"Host": HOST, "Origin": "null"}, path=path)[0]["status"] == 403
    assert ask({"Host": HOST}, path=path, method="POST")[0]["status"] == 403


@pytest.mark.parametrize("path", ["/api", "/assets", "/assetsx", "//", "/index.html", ""])
def test_nothing_else_is(path: str) -> None:
    assert ask({"Host": HOST}, path=path)[0]["status"] == 403


def opened(gate: Gate) -> str:
    return gate.address.partition("?")[2]


def test_the_token_is_exchanged_once_for_a_cookie_and_a_key_of_which_it_is_neither() -> None:
    told: list[str] = []
    gate = Gate(8008, used=told.append)
    first = opened(gate)
    answer = ask({"Host": HOST}, path="/", query=first, gate=gate)
    assert answer[0]["status"] == 303
    sent = dict(answer[0]["headers"])
    cookie = sent[b"set-cookie"].decode()
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert sent[b"location"].decode() == f"/#key={gate.key}"
    assert len({first.partition("=")[2], gate.cookie, gate.key, opened(gate)}) == 4
    assert told == [gate.address]
    assert first not in gate.address

    headers = {"Host": HOST, "Cookie": cookie.split(";")[0], "X-Vaelab": gate.key}
    assert ask(headers, gate=gate)[0]["status"] == 200
    for name in ("Cookie", "X-Vaelab"):
        rest = {key: value for key, value in headers.items() if key != name}
        assert ask(rest, gate=gate)[0]["status"] == 403

    again = ask({"Host": HOST}, path="/", query=first, gate=gate)
    assert again[0]["status"] == 200  # the page, which has its key or says what to do
    assert b"set-cookie" not in dict(again[0]["headers"])
    other = ask({"Host": HOST}, path="/", query=opened(gate), gate=gate)
    assert other[0]["status"] == 303


@pytest.mark.parametrize(
    ("change", "method", "path"),
    [
        ({}, "HEAD", "/"),
        ({}, "GET", "/api/runs"),
        ({}, "GET", "/assets/index-1.js"),
        ({"Host": "evil.example:8008"}, "GET", "/"),
        ({"Origin": "http://evil.example"}, "GET", "/"),
        ({"Sec-Purpose": "prefetch;prerender"}, "GET", "/"),
        ({"Purpose": "prefetch"}, "GET", "/"),
    ],
)
def test_nothing_else_uses_the_token_up(change: dict[str, str], method: str, path: str) -> None:
    gate = Gate(8008)
    answer = ask({"Host": HOST} | change, method=method, path=path, query=opened(gate), gate=gate)
    assert b"set-cookie" not in dict(answer[0]["headers"])
    assert ask({"Host": HOST}, path="/", query=opened(gate), gate=gate)[0]["status"] == 303


@pytest.mark.parametrize("query", ["token=", "token=wrong", "token=%FF", "token", "", "t=1&t=2"])
def test_a_wrong_token_opens_nothing(query: str) -> None:
    answer = ask({"Host": HOST}, path="/", query=query)
    assert answer[0]["status"] == 200
    assert b"set-cookie" not in dict(answer[0]["headers"])


def test_without_the_secrets_the_words_say_what_to_do() -> None:
    answer = ask({"Host": HOST})
    assert b"the address that `vaelab explore` printed last" in answer[1]["body"]


@pytest.mark.parametrize("headers", [GOOD, {"Host": HOST}, {}])
def test_every_answer_is_locked_down(headers: dict[str, str]) -> None:
    sent = dict(ask(headers)[0]["headers"])
    policy = sent[b"content-security-policy"].decode()
    assert policy.startswith("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'")
    assert policy.endswith("frame-src 'self'; frame-ancestors 'self'")
    assert "http://" not in policy
    assert sent[b"x-content-type-options"] == b"nosniff"
    assert sent[b"cache-control"] == b"no-store"
    assert not [name for name in sent if name.startswith(b"access-control")]


def test_forwarded_headers_change_nothing() -> None:
    forwarded = {"X-Forwarded-Host": HOST, "X-Forwarded-For": "127.0.0.1", "Forwarded": HOST}
    assert ask(GOOD | {"Host": "evil.example"} | forwarded)[0]["status"] == 403


@pytest.mark.parametrize("name", [b"host", b"cookie", b"x-vaelab", b"origin"])
def test_a_header_given_twice_is_refused(name: bytes) -> None:
    headers = [(k.lower().encode(), v.encode()) for k, v in GOOD.items()]
    scope = {"type": "http", "method": "GET", "path": "/api/runs", "subprotocols": []}
    assert GATE.refusal({**scope, "headers": headers}) is None
    assert GATE.refusal({**scope, "headers": [*headers, (name, b"evil.example")]})[0] == 403


def test_a_key_given_twice_is_refused() -> None:
    headers = [(k.lower().encode(), v.encode()) for k, v in GOOD.items()]
    keys = [f"vaelab-key.{GATE.key}"]
    scope = {"type": "websocket", "path": "/api/live", "headers": headers}
    assert GATE.refusal({**scope, "subprotocols": keys}) is None
    assert GATE.refusal({**scope, "subprotocols": [*keys, "vaelab-key.other"]})[0] == 403


def test_secrets_are_long_and_differ() -> None:
    gates = [Gate(1) for _ in range(20)]
    secrets = {secret for gate in gates for secret in (gate.cookie, gate.key, opened(gate))}
    assert len(secrets) == 60
    assert min(map(len, secrets)) >= 43  # 256 bits in base64
    remote = Gate(8008, ("192.168.0.7", "127.0.0.1"))
    assert remote.address.startswith("http://192.168.0.7:8008/?token=")
    answer = ask({"Host": "192.168.0.7:8008"}, path="/", query=opened(remote), gate=remote)
    assert answer[0]["status"] == 303
