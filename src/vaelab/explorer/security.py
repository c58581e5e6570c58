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

import json
import secrets
from collections.abc import Callable, Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 512 * 1024
SECRET_BYTES = 32
KEY_HEADER = b"x-vaelab"
PROTOCOL = "vaelab"
KEY_PROTOCOL = "vaelab-key."
"""Before the key among a WebSocket's protocols: browsers send no headers with those."""
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
CLOSED = "this page has no key: open the address that `vaelab explore` printed last in its terminal"


class Gate:
    """What is let in.

    Args:
        port: of the server.
        names: hosts under which the server may be addressed; the first is the printed one.
        used: told the next address when one has been used.

    Attributes:
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
    def hosts(self) -> frozenset[str]:
        """Values of the Host header that are right."""
        return frozenset(f"{name}:{self.port}" for name in self.names)

    @property
    def origins(self) -> frozenset[str]:
        """Values of the Origin header that are right."""
        return frozenset(f"http://{host}" for host in self.hosts)

    @property
    def cookie_name(self) -> str:
        """Cookies do not tell ports apart, names do."""
        return f"vaelab_{self.port}"

    @property
    def policy(self) -> str:
        """Content-Security-Policy of every answer."""
        # browsers know no IPv6 addresses in policies; 'self' covers sockets in those of today
        sockets = " ".join(sorted(f"ws://{host}" for host in self.hosts if "[" not in host))
        return (
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; "
            "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
            f"connect-src 'self' {sockets}; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Why a request is not let in, with the status; None where it is."""
        headers = _headers(scope)
        if headers.get(b"host", b"").decode("latin-1") not in self.hosts:
            return 403, "this server does not answer to that host name"
        origin = headers.get(b"origin")
        if origin is not None and origin.decode("latin-1") not in self.origins:
            return 403, "a page from elsewhere may not talk to this server"
        if scope["type"] == "websocket":
            if origin is None:
                return 403, "a WebSocket must say which page opens it"
        elif scope["method"] not in {"GET", "HEAD", "POST"}:
            return 405, f"{scope['method']} is not known here"
        elif scope["method"] != "POST" and _is_the_page(scope["path"]):
            return None
        if not (_same(_cookie(headers, self.cookie_name), self.cookie)
                and _same(_key(scope, headers), self.key)):  # fmt: skip
            return 403, CLOSED
        if scope["type"] == "http" and scope["method"] == "POST":
            return self._refusal_of_change(headers)
        return None

    def _refusal_of_change(self, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if kind != b"application/json":
            return 415, "a change is sent as application/json"
        length = headers.get(b"content-length", b"")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            return 413, f"a change has at most {LARGEST_BODY} bytes, and says how many"
        return None


class Guard:
    """ASGI middleware around the whole application.

    Args:
        app: what is guarded.
        gate: who is let in.
    """

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self.app, self.gate = app, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, refuse it, or exchange the token for cookie and key."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        refusal = self.gate.refusal(scope)
        if scope["type"] == "websocket":
            if refusal:
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": refusal[1]})
            else:
                await self.app(scope, receive, send)
        elif refusal:
            status, why = refusal
            body = json.dumps({"error": why}).encode()
            await self._answer(send, status, body, ((b"content-type", b"application/json"),))
        elif (token := _token(scope)) is not None and self.gate.exchange(token):
            gate = self.gate
            cookie = f"{gate.cookie_name}={gate.cookie}; HttpOnly; SameSite=Strict; Path=/"
            await self._answer(send, 303, b"", (
                (b"location", f"/#key={gate.key}".encode()), (b"set-cookie", cookie.encode()),
            ))  # fmt: skip
        else:
            await self.app(scope, receive, self._with_headers(send))

    async def _answer(
        self, send: Send, status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]]
    ) -> None:
        length = (b"content-length", str(len(body)).encode())
        guarded = self._with_headers(send)
        await guarded(
            {"type": "http.response.start", "status": status, "headers": [*headers, length]}
        )
        await guarded({"type": "http.response.body", "body": body})

    def _with_headers(self, send: Send) -> Send:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", []),
                    (b"content-security-policy", self.gate.policy.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"no-referrer"),
                    (b"cross-origin-opener-policy", b"same-origin"),
                    (b"cross-origin-resource-policy", b"same-origin"),
                    (b"cache-control", b"no-store"),
                ]
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
    if scope["method"] != "GET" or scope["path"] != "/":
        return None
    headers = _headers(scope)
    if b"prefetch" in headers.get(b"sec-purpose", headers.get(b"purpose", b"")):
        return None
    tokens = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
    return tokens[0] if tokens else None


def _key(scope: Scope, headers: dict[bytes, bytes]) -> str:
    """The key in the header, or among the protocols of a WebSocket."""
    if scope["type"] == "http":
        return headers.get(KEY_HEADER, b"").decode("latin-1")
    named = [one for one in scope["subprotocols"] if one.startswith(KEY_PROTOCOL)]
    return named[0].removeprefix(KEY_PROTOCOL) if len(named) == 1 else ""


def _headers(scope: Scope) -> dict[bytes, bytes]:
    """By name; a header given twice with different values counts as neither."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        found[name] = value if found.get(name, value) == value else b"given twice"
    return found


def _cookie(headers: dict[bytes, bytes], name: str) -> str:
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(headers.get(b"cookie", b"").decode("latin-1"))
    except CookieError:
        return ""
    return cookies[name].value if name in cookies else ""
