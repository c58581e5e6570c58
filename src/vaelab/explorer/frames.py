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


def write(stream: BinaryIO, header: Header, payload: bytes = b"") -> None:
    """Into a pipe: the whole message's length before it."""
    message = pack(header, payload)
    stream.write(struct.pack("<I", len(message)) + message)
    stream.flush()


async def read(stream: StreamReader) -> bytes | None:
    """The next message out of a pipe; None at its end."""
    try:
        (length,) = struct.unpack("<I", await stream.readexactly(4))
        return await stream.readexactly(length)
    except IncompleteReadError:
        return None


def header_of(message: bytes) -> Header:
    """The header alone."""
    (length,) = struct.unpack_from("<I", message)
    header: Header = json.loads(message[4 : 4 + length])
    return header


def payload_of(message: bytes) -> bytes:
    """What lies behind the header."""
    (length,) = struct.unpack_from("<I", message)
    return message[4 + length :]
