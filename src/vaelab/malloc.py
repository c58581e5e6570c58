"""What a process that trains asks of the system."""

import ctypes
import sys

_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
_LARGEST = 32 * 2**20


def prepare_process() -> None:
    """Let the C library keep the memory that tensors have given back.

    By default it returns large blocks to the system and gets them anew, page by page, at every
    step of a training: up to a quarter of its time. Peak memory stays what it is. Only glibc has
    these settings (mallopt(3)); elsewhere nothing is changed.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_MMAP_THRESHOLD, _LARGEST)
