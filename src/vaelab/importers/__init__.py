"""Configs of other programs, translated."""
