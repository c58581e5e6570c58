"""Randomness as data: every draw comes from a generator seeded by (seed, purpose, step).

Nothing has to be saved to go on bit for bit, and no draw depends on what was drawn before it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import numpy as np
import torch


class Purpose(IntEnum):
    """What a stream of random numbers is for; no two purposes share draws."""

    ORDER = 1
    POSTERIOR = 2
    PIXELS = 3
    EVALUATION = 4
    INITIALISATION = 5
    SAMPLES = 6
    FIGURES = 7


def derived_seed(seed: int, purpose: Purpose, step: int = 0) -> int:
    """A 63-bit seed that differs for every (seed, purpose, step)."""
    state = np.random.SeedSequence([seed, purpose, step]).generate_state(1, np.uint64)
    return int(state[0]) >> 1


def generator(
    seed: int, purpose: Purpose, step: int = 0, device: torch.device | str = "cpu"
) -> torch.Generator:
    """A fresh generator on `device` for one purpose at one step."""
    return torch.Generator(device).manual_seed(derived_seed(seed, purpose, step))


@contextmanager
def seeded(seed: int, purpose: Purpose) -> Iterator[None]:
    """Seed torch's global generator inside the block and restore it afterwards.

    For what takes no generator: the initialisation of layers, `Distribution.sample`.
    """
    with torch.random.fork_rng():
        torch.manual_seed(derived_seed(seed, purpose))
        yield
