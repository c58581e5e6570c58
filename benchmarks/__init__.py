"""Benchmarks: ratios between ways to do the same work, each in a process of its own, in turn."""
