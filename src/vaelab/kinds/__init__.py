"""Every kind of every axis, read off the code: what it is, its formula, its use, its paper."""

from vaelab.kinds.describe import AXES, Entry, describe, entry, kinds, overview, table
from vaelab.kinds.page import markdown

__all__ = ["AXES", "Entry", "describe", "entry", "kinds", "markdown", "overview", "table"]
