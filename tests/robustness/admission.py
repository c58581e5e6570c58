"""Who is let in: every host, origin, cookie and key that a stranger may try."""

from collections.abc import Iterator
from itertools import product

from tests.robustness.wire import Server, Trial

HOSTS = {
    "127.0.0.1:PORT": True, "localhost:PORT": True, "[::1]:PORT": True, "127.0.0.1": False,
    "127.0.0.1:1": False, "evil.example": False, "evil.example:PORT": False, "": False,
    "127.0.0.1:PORT.evil.example": False, "0.0.0.0:PORT": False, "127.1:PORT": False,
    "LOCALHOST:PORT": False,
}  # fmt: skip
ORIGINS = {
    None: True, "http://127.0.0.1:PORT": True, "http://localhost:PORT": True,
    "http://[::1]:PORT": True, "null": False, "": False, "http://evil.example": False,
    "http://evil.example:PORT": False, "http://127.0.0.1:1": False, "http://127.0.0.1": False,
    "https://127.0.0.1:PORT": False, "http://127.0.0.1:PORT/": False, "file://": False,
    "http://127.0.0.1:PORT.evil.example": False,
}  # fmt: skip
COOKIES = {
    "vaelab_PORT=COOKIE": True, "a=b; vaelab_PORT=COOKIE; c=d": True, None: False, "": False,
    "vaelab_PORT=KEY": False, "vaelab_1=COOKIE": False, "vaelab_PORT=COOKIEx": False,
}  # fmt: skip
KEYS = {
    "KEY": True, None: False, "": False, "1": False, "COOKIE": False, "KEYx": False, "key": False,
    "KEY.KEY": False, "\xe4" * 43: False,
}  # fmt: skip
KINDS = ("GET", "POST", "WebSocket")


def gate() -> Iterator[Trial]:
    for host, origin, cookie, kind in product(HOSTS, ORIGINS, COOKIES, KINDS):
        right = HOSTS[host] and ORIGINS[origin] and COOKIES[cookie]
        yield _asking("gate", right, kind, host, origin, cookie, "KEY")


def keys() -> Iterator[Trial]:
    origins = [None, "http://127.0.0.1:PORT", "http://evil.example"]
    for key, origin, cookie, kind in product(KEYS, origins, list(COOKIES)[:5], KINDS):
        right = KEYS[key] and ORIGINS[origin] and COOKIES[cookie]
        yield _asking("keys", right, kind, "127.0.0.1:PORT", origin, cookie, key)


def _asking(
    group: str, right: bool, kind: str, host: str, origin: str | None, cookie: str | None,
    key: str | None,
) -> Trial:  # fmt: skip
    def ask(server: Server) -> str | None:
        def real(text: str | None) -> str | None:
            if text is None:
                return None
            secret = server.cookie.partition("=")[2]
            text = text.replace("PORT", str(server.port)).replace("COOKIE", secret)
            return text.replace("KEY", server.key)

        headers = {"Host": real(host), "Origin": real(origin), "Cookie": real(cookie)}
        if kind == "WebSocket":
            given = real(key)
            protocol = "vaelab" if given is None else f"vaelab, vaelab-key.{given}"
            with server.socket(**headers, Sec_WebSocket_Protocol=protocol) as one:
                status = one.status
            wanted = 101 if right and origin is not None else 403
        else:
            headers |= {"X-Vaelab": real(key), "Content-Type": "application/json"}
            there = {name: one for name, one in headers.items() if one is not None}
            path = "/api/runs" if kind == "GET" else "/api/training/command"
            status = server.ask(kind, path, there, b"{}" if kind == "POST" else b"").status
            wanted = (200 if kind == "GET" else 400) if right else 403
        # what is no header is refused before anybody looks at it
        return None if status == wanted or (not right and status == 400) else f"{status}"

    return Trial(f"{group}/{kind} {host!r} {origin!r} {cookie!r} {key!r}", ask)


def handshakes() -> Iterator[Trial]:
    shakes: dict[str, tuple[dict[str, str | None], int]] = {
        "the page's own": ({}, 101), "without an origin": ({"Origin": None}, 403),
        "from elsewhere": ({"Origin": "http://evil.example"}, 403),
        "without a cookie": ({"Cookie": None}, 403),
        "without a key": ({"Sec_WebSocket_Protocol": "vaelab"}, 403),
        "without a protocol": ({"Sec_WebSocket_Protocol": None}, 403),
        "of an old version": ({"Sec_WebSocket_Version": "8"}, 400),
    }  # fmt: skip
    for name, (changed, status) in shakes.items():

        def ask(
            server: Server, changed: dict[str, str | None] = changed, status: int = status
        ) -> str | None:
            with server.socket(**changed) as one:
                return None if one.status == status else f"{one.status}"

        yield Trial(f"handshake/{name}", ask)
