"""What an address sends, over HTTP or through fsspec, and what is told of it."""

import re
from collections.abc import Generator
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from vaelab.addresses import tell_first
from vaelab.data.shards.places import AbsentError, UnreachableError, shown
from vaelab.errors import BadValueError

if TYPE_CHECKING:
    from requests import Response

TIMEOUT = 20
"""Seconds a server may be silent."""
REDIRECTED = 10
"""Addresses that one may lead to."""
WHAT = "data comes from"
CHUNK = 2**16
"""Bytes asked for at once; whoever stops waits for so many."""
PASSING = frozenset({408, 425, 429})
"""Refusals that may change when a server is asked again."""


def chunks(address: str) -> Generator[bytes]:
    """The content of an address.

    Raises:
        UnreachableError: it does not come, or not whole.
        BadValueError: this is no address that can be asked.
    """
    return _served(address) if _is_http(address) else _stored(address)


def told(address: str) -> str:
    """What changes with the content of an address; nothing where nobody tells, or not just now."""
    if _is_http(address):
        return _headers(address)
    try:
        storage, path = _storage(address)
        return str(storage.ukey(path))
    except Exception:  # every storage has errors of its own
        return ""


def _is_http(address: str) -> bool:
    return address.startswith(("http://", "https://"))


def _served(address: str) -> Generator[bytes]:
    import requests  # a fifth of a second, which only an address need spend

    try:
        with _asked("GET", address) as answer:
            if not answer.ok:
                lasting = answer.status_code < 500 and answer.status_code not in PASSING
                kind = AbsentError if lasting else UnreachableError
                raise kind(address, f"the server answers {answer.status_code}")
            yield from answer.iter_content(CHUNK)
    except ValueError as error:  # some of requests' are both
        raise BadValueError(f"{shown(address)}: this is no valid address") from error
    except requests.RequestException as error:
        raise UnreachableError(address, _words(_innermost(error))) from error


def _asked(method: str, address: str) -> "Response":
    """What a server answers; every host that this leads to is told before it is asked."""
    import requests

    where = address
    for _ in range(REDIRECTED):
        tell_first(WHAT, where)
        answer = requests.request(
            method, where, stream=True, timeout=TIMEOUT, allow_redirects=False,
            headers={"Accept-Encoding": "identity"},
        )  # fmt: skip
        if not answer.is_redirect:
            return answer
        answer.close()
        where = urljoin(where, answer.headers["Location"])
        if not _is_http(where):
            raise UnreachableError(address, "the server leads to somewhere else")
    raise UnreachableError(address, "the server leads from one address to another, without end")


def _headers(address: str) -> str:
    import requests

    try:
        with _asked("HEAD", address) as answer:
            found = answer.headers if answer.ok else {}
    except (requests.RequestException, UnreachableError, ValueError):
        return ""
    keys = ("Content-Length", "ETag", "Last-Modified")
    size, *tags = (found.get(key, "") for key in keys)
    # another shard may well have the same size
    return " ".join([size, *tags]) if any(tags) else ""


def _stored(address: str) -> Generator[bytes]:
    storage, path = _storage(address)
    try:
        with storage.open(path, "rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except FileNotFoundError as error:
        raise AbsentError(address, "there is no such file") from error
    except PermissionError as error:
        raise AbsentError(address, "access is denied") from error
    except Exception as error:  # every storage has errors of its own
        raise UnreachableError(address, _words(error)) from error


def _storage(address: str) -> tuple[Any, str]:
    import fsspec
    from fsspec.implementations.local import LocalFileSystem

    if "::" in address.partition("://")[0] or "::" in address.partition("://")[2]:
        raise BadValueError(f"{shown(address)}: an address of one server is needed, without `::`")
    tell_first(WHAT, address)
    try:
        storage, path = fsspec.url_to_fs(address)
    except (ImportError, ValueError) as error:  # a package is missing, or the kind is unknown
        raise BadValueError(f"{shown(address)}: {_words(error)}") from error
    except Exception as error:
        raise UnreachableError(address, _words(error)) from error
    if isinstance(storage, LocalFileSystem):
        raise BadValueError(f"{shown(address)}: this is a file here; give its path by itself")
    return storage, path


def _innermost(error: BaseException) -> BaseException:
    """What went wrong first; the errors around it name the address in many ways."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error


def _words(error: BaseException) -> str:
    """An error without addresses, which may hold a password."""
    strerror = error.strerror if isinstance(error, OSError) else None
    words = re.sub(r"\S*://\S*", "", strerror or str(error)).strip(" :,")
    return words or type(error).__name__
