"""A server to be tried, and bytes as they go over the wire, whether they make sense or not."""

import base64
import contextlib
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 30.0
RUN = "tiny"


@dataclass(frozen=True)
class Trial:
    """One thing to try.

    Attributes:
        name: group, a slash, and what it is.
        ask: tries it; None where all is well, else what is wrong.
    """

    name: str
    ask: Callable[["Server"], str | None]


@dataclass(frozen=True)
class Answer:
    """What came back; status 0: the connection was closed without one."""

    status: int
    head: bytes
    body: bytes


class Server:
    """`vaelab explore` with one small run, in a process of its own, and a browser's secrets.

    Args:
        folder: to work in.
    """

    def __init__(self, folder: Path) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "VAELAB_CACHE": str(folder / "cache")}
        words = ["task_name=tiny", "training.epochs=2", "explorer.keep=4",
                 "figures={every_epoch: [], at_end: []}"]  # fmt: skip
        vaelab = [sys.executable, "-m", "vaelab"]
        self.runs = folder / "runs"
        subprocess.run(
            [*vaelab, "train", "digits", *words, "--runs", str(self.runs)], check=True,
            stdout=subprocess.DEVNULL, env=environment,
        )  # fmt: skip
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.process = subprocess.Popen(
            [*vaelab, "explore", str(self.runs), "--no-browser", "--port", str(self.port)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
        )  # fmt: skip
        self.said = [self.process.stdout.readline()]
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        token = re.search(r"\?token=(\S+)", self.said[0]).group(1)
        self.host = f"127.0.0.1:{self.port}"
        self.origin = f"http://{self.host}"
        self._wait_until_it_listens()
        answer = self.ask("GET", f"/?token={token}", {"Host": self.host})
        self.cookie = re.search(rb"set-cookie: ([^;]+)", answer.head).group(1).decode()
        self.key = re.search(rb"#key=([\w-]+)", answer.head).group(1).decode()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.said.append(line)

    def _wait_until_it_listens(self) -> None:
        end = time.monotonic() + 120
        while self.ask("HEAD", "/", {"Host": self.host}).status != 200:
            if time.monotonic() > end:
                raise RuntimeError("".join(self.said))
            time.sleep(0.05)

    def stop(self) -> str:
        """End it; everything that its terminal said."""
        self.process.terminate()
        self.process.wait(120)
        self._reader.join(30)
        self.process.stdout.close()
        return "".join(self.said)

    def wanted(self, content: bytes, *statuses: int) -> str | None:
        """What is wrong with the answer to any bytes; None: its status is one of these."""
        answer = self.send(content)
        return None if answer.status in statuses else f"{answer.status}, {answer.body[:200]!r}"

    @property
    def own(self) -> dict[str, str]:
        """Headers of the page that was let in."""
        return {"Host": self.host, "Cookie": self.cookie, "X-Vaelab": self.key}

    def send(self, content: bytes, seconds: float = PATIENCE) -> Answer:
        """The answer to any bytes on a new connection."""
        with socket.create_connection(("127.0.0.1", self.port)) as one:
            one.settimeout(seconds)
            return _answered(one, content)

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """The answer to a request."""
        return self.send(request(method, path, headers, body))

    def post(self, path: str, body: bytes) -> Answer:
        """The answer to what the page itself could ask."""
        headers = {**self.own, "Content-Type": "application/json"}
        return self.ask("POST", path, headers, body)

    def socket(self, **changed: str | None) -> "Socket":
        """A WebSocket as the page opens it, but for some headers (`Origin=None`: without)."""
        headers = {"Host": self.host, "Origin": self.origin, "Cookie": self.cookie,
                   "Sec-WebSocket-Protocol": f"vaelab, vaelab-key.{self.key}"}  # fmt: skip
        given = {key.replace("_", "-"): value for key, value in changed.items()}
        kept = {key: value for key, value in (headers | given).items() if value is not None}
        return Socket(self.port, kept)


def request(method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A request that closes its connection."""
    given = {"Connection": "close", **headers}
    if body or method == "POST":
        given.setdefault("Content-Length", str(len(body)))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {one}" for name, one in given.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", errors="replace") + body


def _answered(one: socket.socket, content: bytes) -> Answer:
    said = b""
    with contextlib.suppress(ConnectionError):
        one.sendall(content)
    with contextlib.suppress(ConnectionError, TimeoutError):
        while not _is_whole(said) and (part := one.recv(2**16)):
            said += part
    head, _, body = said.partition(b"\r\n\r\n")
    found = re.match(rb"HTTP/1\.1 (\d{3})", head)
    return Answer(int(found.group(1)) if found else 0, head, body)


def _is_whole(said: bytes) -> bool:
    head, end, body = said.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return bool(end) and length is not None and len(body) >= int(length.group(1))


class Socket:
    """A WebSocket, frame by frame.

    Attributes:
        status: of the handshake; 101: it is open.
    """

    def __init__(self, port: int, headers: Mapping[str, str]) -> None:
        self._one = socket.create_connection(("127.0.0.1", port))
        self._one.settimeout(PATIENCE)
        nonce = base64.b64encode(os.urandom(16)).decode()
        more = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": nonce, **headers}  # fmt: skip
        self._rest = b""
        with contextlib.suppress(ConnectionError):
            self._one.sendall(request("GET", "/api/live", more))
            while b"\r\n\r\n" not in self._rest and (part := self._one.recv(2**16)):
                self._rest += part
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        found = re.match(rb"HTTP/1\.1 (\d{3})", head)
        self.status = int(found.group(1)) if found else 0

    def __enter__(self) -> "Socket":
        return self

    def __exit__(self, *_: object) -> None:
        self._one.close()

    def say(self, content: bytes) -> None:
        """Send frames; a server that has closed hears nothing."""
        with contextlib.suppress(ConnectionError):
            self._one.sendall(content)

    def header(self) -> dict[str, Any]:
        """The next message's header."""
        while True:
            for opcode, payload in _frames(self._rest):
                if opcode == 2:
                    (length,) = struct.unpack_from("<I", payload)
                    header: dict[str, Any] = json.loads(payload[4 : 4 + length])
                    return header
            self._rest += self._one.recv(2**16)

    def code(self) -> int:
        """What the server closes with; 0: it just ends the connection."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            while not (codes := self._codes()) and (part := self._one.recv(2**16)):
                self._rest += part
        return next(iter(codes), 0)

    def _codes(self) -> list[int]:
        return [struct.unpack("!H", payload[:2])[0] for opcode, payload in _frames(self._rest)
                if opcode == 8 and len(payload) >= 2]  # fmt: skip


def frame(opcode: int, payload: bytes, final: bool = True, masked: bool = True) -> bytes:
    """A frame as a browser sends it, RFC 6455 section 5.2."""
    size = len(payload)
    if size < 126:
        length = bytes([size | 128 * masked])
    elif size < 2**16:
        length = bytes([126 | 128 * masked]) + struct.pack("!H", size)
    else:
        length = bytes([127 | 128 * masked]) + struct.pack("!Q", size)
    mask = b"\x05\x06\x07\x08" if masked else b""
    repeated = (mask * (size // 4 + 1))[:size] if masked else bytes(size)
    hidden = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return bytes([opcode | 128 * final]) + length + mask + hidden.to_bytes(size, "big")


def _frames(content: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 0
    while at + 2 <= len(content):
        size, start = content[at + 1] & 127, at + 2
        if size == 126:
            size, start = struct.unpack_from("!H", content, start)[0], start + 2
        elif size == 127:
            size, start = struct.unpack_from("!Q", content, start)[0], start + 8
        if start + size > len(content):
            break
        found.append((content[at] & 15, content[start : start + size]))
        at = start + size
    return found
