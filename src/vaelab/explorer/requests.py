"""What a request says, checked; what the user can put right is answered in words."""

from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import ConfigDict
from pydantic_core import from_json
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from vaelab.config import C, Config, validate
from vaelab.errors import BadValueError, MissingFileError, RunBusyError, UserError

MAX_WORDS_LENGTH = 2000
"""Characters of an answer's words, which may repeat what was asked."""
MAX_NAME_LENGTH = 100

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
            words = str(error)[:MAX_WORDS_LENGTH].encode(errors="replace").decode()
            return JSONResponse({"error": words}, status_code=status)
        except ClientDisconnect:  # nobody is there to hear anything
            return Response(status_code=400)
        except CancelledError:  # the server ends, and does not wait for long computations
            return JSONResponse({"error": "the server was ended"}, status_code=503)

    return answer


class Body(Config):
    """What the page sends, of exactly these types."""

    model_config = ConfigDict(strict=True)


async def body_of(request: Request, kind: type[C]) -> C:
    """What a request says."""
    return validate(kind, parse(await request.body()), "the request")


def parse(text: str | bytes) -> Any:
    """Parsed JSON."""
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise BadValueError(f"this is not JSON: {error}") from error


def plain(name: str) -> str:
    """As much of a name as can be a folder's on any system."""
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
    return kept.encode()[:MAX_NAME_LENGTH].decode(errors="ignore").strip(".") or "run"
