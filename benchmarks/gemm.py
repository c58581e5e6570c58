"""The machine's best matrix product, the roof under which every step lies."""

from collections.abc import Callable
from functools import partial

import torch

from benchmarks.timing import timed

SHAPES = ((512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048), (2048, 512, 512),
          (512, 2048, 1024))  # fmt: skip
"""(m, k, n) of the products tried."""


def products(threads: int, seconds: float) -> Callable[[int], float]:
    """Seconds per FLOP of the fastest float32 product of any shape, for a side of that kind.

    Args:
        threads: PyTorch's.
        seconds: of one search, shared out among the shapes.
    """
    torch.set_num_threads(threads)
    pairs = [
        (torch.randn(m, k), torch.randn(k, n), torch.empty(m, n), 2 * m * k * n)
        for m, k, n in SHAPES
    ]

    def search(_count: int) -> float:
        best = float("inf")
        for left, right, out, flop in pairs:
            spent = 0.0
            while spent < seconds / len(pairs):
                once = timed(partial(torch.mm, left, right, out=out))
                best = min(best, once / flop)
                spent += once
        return best

    return search
