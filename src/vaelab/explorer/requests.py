"""What a request says, checked; what the user can put right is answered in words."""

import json
from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from vaelab.errors import BadValueError, MissingFileError, RunBusyError, UserError

DEEPEST = 16
"""Lists and objects inside each other in a request; the page's own need five."""
LONGEST_WORDS = 2000
"""Characters of an answer's words, which may repeat what was asked."""
LONGEST_NAME = 100
"""Bytes of a new run's name."""

Endpoint = Callable[[Request], Awaitable[Response]]


class NotNowError(UserError):
    """Something that cannot be done at this moment."""


STATUS = ((MissingFileError, 404), (NotNowError, 409), (RunBusyError, 409), (UserError, 400))


def answered(endpoint: Endpoint) -> Endpoint:
    """The same endpoint, which says in words what the user can put right."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except UserError as error:
            status = next(code for kind, code in STATUS if isinstance(error, kind))
            words = str(error)[:LONGEST_WORDS].encode(errors="replace").decode()
            return JSONResponse({"error": words}, status_code=status)
        except ClientDisconnect:  # nobody is there to hear anything
            return Response(status_code=400)
        except CancelledError:  # the server ends, and does not wait for long computations
            return JSONResponse({"error": "the server was ended"}, status_code=503)

    return answer


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object that a request holds.

    Raises:
        BadValueError: it is none.
    """
    return parse(await request.body())


def parse(text: str | bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        BadValueError: it is none, or nested too deep.
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadValueError(f"this is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadValueError("a JSON object is expected")
    level: list[Any] = [body]
    for _ in range(DEEPEST):
        level = [inner for value in level for inner in _inside(value)]
    if level:
        raise BadValueError(f"the JSON is nested more than {DEEPEST} deep")
    return body


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def text_of(body: dict[str, Any], key: str) -> str:
    """A text that must be there.

    Raises:
        BadValueError: it is not.
    """
    value = body.get(key)
    if not isinstance(value, str):
        raise BadValueError(f"`{key}` is missing, or no text")
    return value


def plain(name: str) -> str:
    """As much of a name as can be a folder's on any system."""
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
    return kept.encode()[:LONGEST_NAME].decode(errors="ignore").strip(".") or "run"
