"""Messages to the page, also from the training process: a JSON header and bytes behind it."""

import json
import struct
from asyncio import IncompleteReadError, StreamReader
from typing import Any, BinaryIO

Header = dict[str, Any]


def pack(header: Header, payload: bytes = b"") -> bytes:
    """A uint32, the header's length; the header; the payload."""
    text = json.dumps(header).encode()
    return struct.pack("<I", len(text)) + text + payload


def write(stream: BinaryIO, message: bytes) -> None:
    """Into a pipe: the message's length before it."""
    stream.write(struct.pack("<I", len(message)) + message)
    stream.flush()


async def read(stream: StreamReader) -> bytes | None:
    """The next message out of a pipe; None at its end."""
    try:
        (length,) = struct.unpack("<I", await stream.readexactly(4))
        return await stream.readexactly(length)
    except IncompleteReadError:
        return None


def unpack(message: bytes) -> tuple[Header, bytes]:
    """The header, and what lies behind it."""
    (length,) = struct.unpack_from("<I", message)
    return json.loads(message[4 : 4 + length]), message[4 + length :]
