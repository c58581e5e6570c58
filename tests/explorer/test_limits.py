"""What strangers hold open is bounded: half a request, and many connections."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from vaelab.explorer import limits
from vaelab.explorer.limits import Connection

MOST, SECONDS = 20, 1.0
REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n1234"


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        return
    body = b""
    scope[limits.COMES_SLOWLY] = scope["path"] == "/slowly"
    while scope["method"] == "POST":
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        if not message["more_body"]:
            break
    length = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[int]:
    """A server with small limits, in a thread."""
    monkeypatch.setattr(limits, "SECONDS", getattr(request, "param", SECONDS))
    monkeypatch.setattr(limits, "MAX_CONNECTIONS", MOST)
    config = uvicorn.Config(
        app, port=0, http=Connection, ws="websockets-sansio", lifespan="off", log_level="error"
    )
    server = uvicorn.Server(config)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(60)


def connect(port: int) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", port))
    one.settimeout(20)
    return one


def answer(one: socket.socket) -> bytes:
    said = b""
    while not said.endswith(b"ok") and (part := one.recv(999)):
        said += part
    return said


def is_closed(one: socket.socket) -> bool:
    with contextlib.suppress(ConnectionError):
        return one.recv(1) == b""
    return True


@pytest.mark.parametrize("begun", [b"", b"GE", b"GET / HTTP/1.1\r\nHost: he", POST])
def test_half_a_request_is_waited_for_some_seconds(port: int, begun: bytes) -> None:
    with connect(port) as one:
        one.sendall(begun)
        began = time.monotonic()
        assert is_closed(one)
        assert time.monotonic() - began < 15 * SECONDS


def test_a_header_in_drops_is_not_waited_for_longer(port: int) -> None:
    began = time.monotonic()
    with connect(port) as one, contextlib.suppress(ConnectionError):
        one.sendall(b"GET / HTTP/1.1\r\n")
        while time.monotonic() - began < 30:
            one.sendall(b"X-A: b\r\n")
            time.sleep(SECONDS / 10)
    assert SECONDS / 2 < time.monotonic() - began < 15 * SECONDS


def test_whole_requests_one_after_the_other_are_answered(port: int) -> None:
    with connect(port) as one:
        for _ in range(4):
            one.sendall(REQUEST)
            assert answer(one).endswith(b"ok")
            time.sleep(0.6 * SECONDS)
        one.sendall(POST + b"56789")
        assert answer(one).endswith(b"ok")


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_body_that_is_wanted_is_waited_for_as_long_as_it_comes(port: int, goes_on: bool) -> None:
    with connect(port) as one:
        one.sendall(POST.replace(b" / ", b" /slowly ")[:-4])
        for letter in b"123456789" if goes_on else b"12":
            one.sendall(bytes([letter]))
            time.sleep(0.4 * SECONDS)
        assert answer(one).endswith(b"ok") if goes_on else is_closed(one)


def test_a_websocket_may_be_silent(port: int) -> None:
    with connect(port) as one:
        one.sendall(
            b"GET / HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert b"101" in one.recv(999)
        one.settimeout(3 * SECONDS)
        with pytest.raises(TimeoutError):
            one.recv(1)


@pytest.mark.parametrize("port", [1000.0], indirect=True)
def test_of_too_many_connections_those_give_way_that_have_waited_longest(port: int) -> None:
    with contextlib.ExitStack() as all_of_them:
        idle = [all_of_them.enter_context(connect(port)) for _ in range(3 * MOST)]
        with connect(port) as one:
            began = time.monotonic()
            one.sendall(REQUEST)
            assert answer(one).endswith(b"ok")
            assert time.monotonic() - began < 10
        assert all(is_closed(one) for one in idle[: 2 * MOST])
