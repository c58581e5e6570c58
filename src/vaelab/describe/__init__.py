"""A model layer by layer, as a table and as a picture of its architecture."""

from vaelab.describe.description import Description

__all__ = ["Description"]
