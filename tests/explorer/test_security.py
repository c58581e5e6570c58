"""Only the page that the terminal's address opened may read and drive the server."""

import asyncio
from itertools import product
from typing import Any

import pytest

from vaelab.explorer.security import LARGEST_BODY, Gate, Guard

GATE = Gate(8008, token="t0ken" * 9)
HOST, ORIGIN = "127.0.0.1:8008", "http://127.0.0.1:8008"
COOKIE = f"vaelab_8008={GATE.token}"


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
    """What the guarded application answers."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": kind, "method": method, "path": path, "query_string": query.encode(),
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in headers.items()],
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
COOKIES = {
    COOKIE: True, f"other=1; {COOKIE}": True, None: False, "": False, "vaelab_8008=": False,
    "vaelab_8008=wrong": False, f"vaelab_8009={GATE.token}": False,
    f"vaelab_8008={GATE.token}x": False, f"vaelab_8008={GATE.token[:-1]}": False,
}  # fmt: skip


@pytest.mark.parametrize(("host", "origin", "cookie"), list(product(HOSTS, ORIGINS, COOKIES)))
def test_reading_and_listening(host: str, origin: str | None, cookie: str | None) -> None:
    given = {"Host": host, "Origin": origin, "Cookie": cookie}
    headers = {name: value for name, value in given.items() if value is not None}
    right = HOSTS[host] and ORIGINS[origin] and COOKIES[cookie]
    answer = ask(headers)
    assert answer[0]["status"] == (200 if right else 403)
    assert (b"secret" in answer[1]["body"]) == right
    # a WebSocket must say where it comes from
    socket = ask(headers, kind="websocket", path="/api/live")
    accepted = right and origin is not None
    assert socket[0]["type"] == ("websocket.accept" if accepted else "websocket.close")


GOOD = {
    "Host": HOST, "Cookie": COOKIE, "Origin": ORIGIN, "Content-Type": "application/json",
    "X-Vaelab": "1", "Content-Length": "2",
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
        ("POST", {"X-Vaelab": "yes"}, 403),
        ("POST", {"Content-Length": None}, 413),
        ("POST", {"Content-Length": str(LARGEST_BODY + 1)}, 413),
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


@pytest.mark.parametrize(
    ("headers", "path", "token", "status"),
    [
        ({"Host": HOST}, "/", GATE.token, 303),
        ({"Host": HOST}, "/", "wrong", 403),
        ({"Host": HOST}, "/api/runs", GATE.token, 403),
        ({"Host": "evil.example:8008"}, "/", GATE.token, 403),
        ({"Host": HOST, "Origin": "http://evil.example"}, "/", GATE.token, 403),
    ],
)
def test_the_token_is_exchanged_for_a_cookie(
    headers: dict[str, str], path: str, token: str, status: int
) -> None:
    answer = ask(headers, path=path, query=f"token={token}")
    assert answer[0]["status"] == status
    sent = dict(answer[0]["headers"])
    if status == 303:
        cookie = sent[b"set-cookie"].decode()
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert ask({"Host": HOST, "Cookie": cookie.split(";")[0]})[0]["status"] == 200
    else:
        assert b"set-cookie" not in sent


def test_without_a_cookie_the_page_says_what_to_do() -> None:
    answer = ask({"Host": HOST}, path="/")
    assert b"the address that `vaelab explore` printed" in answer[1]["body"]


@pytest.mark.parametrize("headers", [{"Host": HOST, "Cookie": COOKIE}, {"Host": HOST}, {}])
def test_every_answer_is_locked_down(headers: dict[str, str]) -> None:
    sent = dict(ask(headers)[0]["headers"])
    policy = sent[b"content-security-policy"].decode()
    assert policy.startswith("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'")
    assert "frame-ancestors 'none'" in policy
    assert "http://" not in policy
    assert sent[b"x-content-type-options"] == b"nosniff"
    assert not [name for name in sent if name.startswith(b"access-control")]


def test_forwarded_headers_change_nothing() -> None:
    forwarded = {"X-Forwarded-Host": HOST, "X-Forwarded-For": "127.0.0.1", "Forwarded": HOST}
    assert ask({"Host": "evil.example", "Cookie": COOKIE} | forwarded)[0]["status"] == 403


def test_a_host_given_twice_is_refused() -> None:
    scope_headers = [(b"host", HOST.encode()), (b"host", b"evil.example")]
    scope = {"type": "http", "headers": scope_headers, "method": "GET", "path": "/"}
    assert GATE.refusal(scope)[0] == 403


def test_tokens_are_long_and_differ() -> None:
    assert len({Gate(1).token for _ in range(20)}) == 20
    assert len(Gate(1).token) >= 43  # 256 bits in base64
    remote = Gate(8008, ("127.0.0.1", "192.168.0.7"))
    query = f"token={remote.token}"
    answer = ask({"Host": "192.168.0.7:8008"}, path="/", query=query, gate=remote)
    assert answer[0]["status"] == 303
