"""Randomness as data: every draw comes from a generator seeded by (seed, purpose, step).

Nothing has to be saved to go on bit for bit, and no draw depends on what was drawn before it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, unique

import numpy as np
import torch


@unique
class Purpose(Enum):
    """What a stream of random numbers is for; no two purposes share draws.

    The values belong to what was drawn before, and stay. Those of evaluation have no steps.
    """

    ORDER = (1,)
    POSTERIOR = (2,)
    PIXELS = (3,)
    INITIALISATION = (5,)
    SAMPLES = (6,)
    FIGURES = (7,)
    BOUND = (4, 0)
    IWAE = (4, 1)
    IMPLIED_SCALE = (4, 2)
    EVALUATION_PIXELS = (4, 3)
    RATE_PARTS = (4, 4)
    MIG = (4, 5)
    DCI = (4, 6)
    CODES_OF_NEW_IMAGES = (4, 7)
    SURROGATE = (4, 8)
    MINIBATCH = (4, 9)
    AIS = (4, 10)
    CERTAINTY = (4, 11)
    CODES_OF_KNOWN_IMAGES = (4, 12)
    FITTED_CODES = (4, 13)
    GOLDEN = (4, 14)
    CROSS_ENTROPY = (4, 15)
    COMPARED_IMAGES = (4, 16)
    SHOWN_PRIOR = (4, 17)
    SHOWN_POSTERIOR = (4, 18)


def derived_seed(seed: int, purpose: Purpose, step: int | None = None) -> int:
    """A 63-bit seed that differs for every (seed, purpose, step)."""
    stream, *fixed = purpose.value
    if fixed and step is not None:
        raise ValueError(f"{purpose} has no steps")
    state = np.random.SeedSequence([seed, stream, *(fixed or [step or 0])])
    return int(state.generate_state(1, np.uint64)[0]) >> 1


def generator(
    seed: int, purpose: Purpose, step: int | None = None, device: torch.device | str = "cpu"
) -> torch.Generator:
    """A fresh generator on `device` for one purpose at one step."""
    return torch.Generator(device).manual_seed(derived_seed(seed, purpose, step))


@contextmanager
def seeded(seed: int, purpose: Purpose) -> Iterator[None]:
    """Seed torch's global generator inside the block and restore it afterwards.

    For what takes no generator: the initialisation of layers, `Distribution.sample`.
    """
    gpu = torch.accelerator
    used = [gpu.current_device_index()] if gpu.is_available() else []  # the others are left alone
    with torch.random.fork_rng(used):
        torch.manual_seed(derived_seed(seed, purpose))
        yield
