"""Mistakes beside their cure, and published tables beside our numbers."""
