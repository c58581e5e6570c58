"""What a server answers, its failures in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from vaelab.console import tell_first
from vaelab.errors import BadValueError, UserError

if TYPE_CHECKING:
    from requests import Response

TIMEOUT = 20
"""Seconds a server may be silent."""
CHUNK = 2**16
"""Bytes to ask for at once."""


class TransferError(UserError):
    """Content that did not come, `final` if to ask again is in vain; the words hold no address."""

    def __init__(self, reason: str, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


@contextmanager
def answer(address: str, method: str = "GET", what: str | None = None) -> Iterator["Response"]:
    """The answer of a server inside the block, in which its content is read too.

    `what` is done, such as "data comes from", is said with the name of every host before it is
    asked, those that another leads to included; None for hosts that vaelab knows itself.
    """
    import requests  # a fifth of a second, which only an address need spend

    def follow(answer: requests.Response, **_: Any) -> None:
        if what is not None and answer.is_redirect:
            tell_first(what, urljoin(answer.url, answer.headers["Location"]))

    if what is not None:
        tell_first(what, address)
    try:
        with requests.request(
            method, address, stream=True, timeout=TIMEOUT, hooks={"response": follow},
            headers={"Accept-Encoding": "identity"},  # the file as it is, not unpacked on the way
        ) as response:  # fmt: skip
            if not response.ok:
                code = response.status_code
                final = code < 500 and code not in {408, 425, 429}
                raise TransferError(f"answered {code}", final)
            yield response
    except requests.Timeout as error:
        raise TransferError(f"no answer within {TIMEOUT} seconds") from error
    except requests.ConnectionError as error:
        raise TransferError("cannot be reached, or went silent") from error
    except requests.RequestException as error:
        if isinstance(error, ValueError):
            wrong = "this address, or one that its server leads to, is not valid"
            raise BadValueError(wrong) from error
        raise TransferError("the transfer broke off") from error
