"""Every kind of every axis, read off the code: what it is, its formula, its use, its paper."""

from vaelab.kinds.axes import AXES
from vaelab.kinds.describe import Key, Kind, describe, kinds
from vaelab.kinds.page import markdown
from vaelab.kinds.terminal import entry, table

__all__ = [
    "AXES",
    "Key",
    "Kind",
    "describe",
    "entry",
    "kinds",
    "markdown",
    "table",
]
