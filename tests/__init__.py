"""Tests of vaelab, on one thread: sums then have one order, however many cores are free."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
