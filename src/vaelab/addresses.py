"""Addresses that a config names: said in a line before the first request, whoever wrote it."""

import logging
from functools import cache
from urllib.parse import urlsplit

from vaelab.console import visible


def tell_first(what: str, address: str) -> None:
    """Say once which host is asked, or told.

    Args:
        what: is done there, such as "data comes from".
        address: of which nothing but the host is said: the rest may hold a password.
    """
    parts = urlsplit(address)
    host = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else address
    _tell(what, visible(host))


@cache
def _tell(what: str, host: str) -> None:
    logging.getLogger("vaelab").warning("%s %s, as the config says", what, host)
