"""Who may talk to the server: one gate for HTTP and WebSocket.

A page on another site can make a browser send requests here, and can even point its own name at
127.0.0.1 (DNS rebinding). So Host and Origin must be in a fixed list, a secret must be known, and
changes must carry what a foreign page cannot send without being asked first.
"""

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 512 * 1024
TOKEN_BYTES = 32
CUSTOM_HEADER = b"x-vaelab"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class Gate:
    """What is let in.

    Attributes:
        port: of the server.
        names: hosts under which the server may be addressed.
        token: the secret in the address that the terminal shows.
    """

    port: int
    names: tuple[str, ...] = LOOPBACK
    token: str = field(default_factory=lambda: secrets.token_urlsafe(TOKEN_BYTES))

    @property
    def hosts(self) -> frozenset[str]:
        """Values of the Host header that are right."""
        return frozenset(f"{name}:{self.port}" for name in self.names)

    @property
    def origins(self) -> frozenset[str]:
        """Values of the Origin header that are right."""
        return frozenset(f"http://{host}" for host in self.hosts)

    @property
    def cookie(self) -> str:
        """Name of the cookie; cookies do not tell ports apart, names do."""
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

    def knows_secret(self, secret: str) -> bool:
        """Compared in constant time."""
        return secrets.compare_digest(secret.encode(), self.token.encode())

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Why a request is not let in, with the status; None where it is."""
        headers = _headers(scope)
        if headers.get(b"host", b"").decode("latin-1") not in self.hosts:
            return 403, "this server does not answer to that host name"
        origin = headers.get(b"origin")
        if origin is not None and origin.decode("latin-1") not in self.origins:
            return 403, "a page from elsewhere may not talk to this server"
        if scope["type"] == "websocket" and origin is None:
            return 403, "a WebSocket must say which page opens it"
        if not self.knows_secret(_cookie(headers, self.cookie)):
            return 403, "open the address that `vaelab explore` printed in the terminal"
        if scope["type"] == "http" and scope["method"] not in {"GET", "HEAD"}:
            return self._refusal_of_change(scope["method"], headers)
        return None

    def _refusal_of_change(
        self, method: str, headers: dict[bytes, bytes]
    ) -> tuple[int, str] | None:
        if method != "POST":
            return 405, f"{method} is not known here"
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if kind != b"application/json":
            return 415, "a change is sent as application/json"
        if headers.get(CUSTOM_HEADER) != b"1":
            return 403, "a change needs the header X-Vaelab: 1"
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
        """Let a request through, refuse it, or exchange the token for the cookie."""
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
            return
        token = self._token_given(scope)
        if token is not None and self.gate.knows_secret(token):
            await self._answer(send, 303, b"", (
                (b"location", b"/"),
                (b"set-cookie", f"{self.gate.cookie}={self.gate.token}; HttpOnly; "
                                "SameSite=Strict; Path=/".encode()),
            ))  # fmt: skip
        elif refusal:
            await self._refuse(scope, send, *refusal)
        else:
            await self.app(scope, receive, self._with_headers(send))

    def _token_given(self, scope: Scope) -> str | None:
        """The token in the address, where host and origin are right."""
        if scope["method"] != "GET" or scope["path"] != "/":
            return None
        headers = _headers(scope)
        origin = headers.get(b"origin")
        if headers.get(b"host", b"").decode("latin-1") not in self.gate.hosts:
            return None
        if origin is not None and origin.decode("latin-1") not in self.gate.origins:
            return None
        tokens = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        return tokens[0] if tokens else None

    async def _refuse(self, scope: Scope, send: Send, status: int, why: str) -> None:
        if scope["path"] == "/":
            page = (
                "<!doctype html><meta charset=utf-8><title>vaelab</title>"
                f"<p style='font: 16px system-ui; margin: 3rem'>vaelab: {why}."
            )
            await self._answer(send, status, page.encode(), ((b"content-type", b"text/html"),))
        else:
            body = json.dumps({"error": why}).encode()
            await self._answer(send, status, body, ((b"content-type", b"application/json"),))

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
