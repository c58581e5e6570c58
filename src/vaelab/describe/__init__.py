"""A model layer by layer, as a table and as a picture of its architecture."""

from vaelab.describe.description import Description, Row, describe

__all__ = ["Description", "Row", "describe"]
