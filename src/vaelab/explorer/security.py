"""Who may talk to the server: one gate for HTTP and WebSocket.

A page on another site can make a browser send requests here, and can even point its own name at
127.0.0.1 (DNS rebinding); other users of the machine can see command lines. So Host and Origin must
be in a fixed list, and two secrets must be known. The address that the terminal shows holds a third
one, a token that is good for one use: it is exchanged for the two. One is a cookie, which no script
can read, but which browsers send to every port of this machine. The other, the key, is sent in
a header by the page, which keeps it where browsers tell ports apart; a page from elsewhere cannot
send that header without being asked first.

Without secrets there is nothing but the page itself, the same for everybody, so that it can say
what to do.
"""

import secrets
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from vaelab.explorer.pictures import MAX_BYTES

MAX_BODY_BYTES = 512 * 1024
PICTURES_SENT = "/api/pictures"
"""Where a folder of pictures is sent, the one request that is no JSON and may be large."""
SECRET_BYTES = 32
KEY_HEADER = "x-vaelab"
PROTOCOL = "vaelab"
KEY_PROTOCOL = "vaelab-key."
"""Before the key among a WebSocket's protocols: browsers send no headers with those."""
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
SAID_ONCE = ("host", "origin", "cookie", KEY_HEADER, "content-type", "content-length")
"""Headers that decide: who sends one twice with different values is not let in."""
CLOSED = "this page has no key: open the address that `vaelab explore` printed last in its terminal"


class Gate:
    """What is let in.

    Attributes:
        hosts: values of the Host header that are right.
        origins: values of the Origin header that are right.
        cookie: a secret that the browser keeps and no script reads.
        key: a secret that the page keeps and sends with every request.
    """

    def __init__(
        self,
        port: int,
        names: tuple[str, ...] = LOOPBACK,
        used: Callable[[str], object] = lambda address: None,
    ) -> None:
        self.port, self.names, self._used = port, names, used
        self.hosts = frozenset(f"{name}:{port}" for name in names)
        self.origins = frozenset(f"http://{host}" for host in self.hosts)
        self.cookie_name = f"vaelab_{port}"  # cookies do not tell ports apart, names do
        self.cookie, self.key, self._token = _secret(), _secret(), _secret()

    @property
    def address(self) -> str:
        """What opens the page, once."""
        return f"http://{self.names[0]}:{self.port}/?token={self._token}"

    def exchange(self, token: str) -> bool:
        """Whether a token is right; it is not once more."""
        if not _same(token, self._token):
            return False
        self._token = _secret()
        self._used(self.address)
        return True

    @property
    def policy(self) -> str:
        """Content-Security-Policy of every answer."""
        # browsers know no IPv6 addresses in policies; 'self' covers sockets in those of today
        sockets = " ".join(sorted(f"ws://{host}" for host in self.hosts if "[" not in host))
        return (
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; "
            "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
            f"connect-src 'self' {sockets}; base-uri 'none'; form-action 'none'; "
            "frame-src 'self'; frame-ancestors 'self'"  # a comparison shows pages of its own
        )

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Why a request is not let in, with the status; None where it is."""
        asked = HTTPConnection(scope)
        headers = asked.headers
        if twice := [name for name in SAID_ONCE if len(set(headers.getlist(name))) > 1]:
            return 403, f"the header {twice[0]} was given twice"
        if headers.get("host") not in self.hosts:
            return 403, "this server does not answer to that host name"
        origin = headers.get("origin")
        if origin is not None and origin not in self.origins:
            return 403, "a page from elsewhere may not talk to this server"
        if scope["type"] == "websocket":
            if origin is None:
                return 403, "a WebSocket must say which page opens it"
        elif scope["method"] not in {"GET", "HEAD", "POST"}:
            return 405, f"{scope['method']} is not known here"
        elif scope["method"] != "POST" and _is_the_page(scope["path"]):
            return None
        if not (_same(asked.cookies.get(self.cookie_name, ""), self.cookie)
                and _same(_key(asked), self.key)):  # fmt: skip
            return 403, CLOSED
        if scope["type"] == "http" and scope["method"] == "POST":
            what, kind, most = "a change", "application/json", MAX_BODY_BYTES
            if scope["path"] == PICTURES_SENT:
                what, kind, most = "a folder of pictures", "application/x-tar", MAX_BYTES
            if headers.get("content-type", "").split(";")[0].strip().lower() != kind:
                return 415, f"{what} is sent as {kind}"
            length = headers.get("content-length", "")
            if not (length.isascii() and length.isdigit()) or int(length) > most:
                return 413, f"{what} has at most {most} bytes, and says how many"
        return None


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self.app, self.gate = app, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, refuse it, or exchange the token for cookie and key."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        app, gate = self.app, self.gate
        if refusal := gate.refusal(scope):
            status, why = refusal
            if scope["type"] == "websocket":
                await WebSocket(scope, receive, send).close(1008, why)
                return
            app = JSONResponse({"error": why}, status)
        elif (token := _token(scope)) is not None and gate.exchange(token):
            answer = RedirectResponse(f"/#key={gate.key}", 303)
            answer.set_cookie(gate.cookie_name, gate.cookie, httponly=True, samesite="strict")
            app = answer
        await app(scope, receive, self._with_headers(send))

    def _with_headers(self, send: Send) -> Send:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("cache-control", "no-store")
                headers.update(
                    {
                        "content-security-policy": self.gate.policy,
                        "x-content-type-options": "nosniff",
                        "referrer-policy": "no-referrer",
                        "cross-origin-opener-policy": "same-origin",
                        "cross-origin-resource-policy": "same-origin",
                    }
                )
            await send(message)

        return guarded


def _secret() -> str:
    return secrets.token_urlsafe(SECRET_BYTES)


def _same(given: str, secret: str) -> bool:
    """Compared in constant time."""
    return secrets.compare_digest(given.encode(errors="replace"), secret.encode())


def _is_the_page(path: str) -> bool:
    return path == "/" or path.startswith("/assets/")


def _token(scope: Scope) -> str | None:
    """The token in the address of the page, unless a browser only looks ahead."""
    asked = HTTPConnection(scope)
    if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != "/":
        return None
    if "prefetch" in asked.headers.get("sec-purpose", asked.headers.get("purpose", "")):
        return None
    return asked.query_params.get("token")


def _key(asked: HTTPConnection) -> str:
    """The key in the header, or among the protocols of a WebSocket."""
    if asked.scope["type"] == "http":
        return asked.headers.get(KEY_HEADER, "")
    named = [one for one in asked.scope["subprotocols"] if one.startswith(KEY_PROTOCOL)]
    return named[0].removeprefix(KEY_PROTOCOL) if len(named) == 1 else ""
