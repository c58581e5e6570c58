"""The order of an epoch: which stream has which shards, and what is given out when.

It is a function of seed, epoch and the numbers of images in the shards, so that a training goes on
in the middle of an epoch knowing no more than the number of the batch.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int64

from vaelab.randomness import Purpose, derived_seed, generator

Numbers = Int64[np.ndarray, " _"]


def deal(shards: int, streams: int, seed: int, epoch: int) -> list[list[int]]:
    """Shuffle the shards of an epoch and deal them out, one to each stream in turn."""
    draws = generator(derived_seed(seed, Purpose.ORDER, epoch), Purpose.ORDER)
    order = torch.randperm(shards, generator=draws).tolist()
    return [order[stream::streams] for stream in range(streams)]


def mixed(images: int, buffer: int, stream: int, seed: int, epoch: int) -> Numbers:
    """The order in which a stream of n images gives them out, never holding more than K of them.

    Image j comes at the time j + 1/2 + K (u_j - 1/2), u_j ~ U(0, 1), reflected at 0 and n. At any
    time t all images before t - K/2 have been given out and none after t + K/2 need have been
    read, so about K are held. A buffer for all of them makes it a plain permutation.
    """
    draws = generator(derived_seed(seed, Purpose.ORDER, epoch), Purpose.ORDER, 1 + stream)
    uniform = torch.rand(images, generator=draws, dtype=torch.float64).numpy()
    if buffer >= images:
        return np.argsort(uniform, kind="stable")
    times = np.abs(np.arange(images) + 0.5 + buffer * (uniform - 0.5))
    times = images - np.abs(images - times)
    return np.argsort(times, kind="stable")


def given(lengths: Sequence[int], count: int) -> Numbers:
    """How many of the first `count` images of an epoch each stream gives.

    Image j of a stream of n comes at (j + 1/2) / n of the epoch, so that all streams end together
    and each has its share of every batch, within one image.
    """
    sizes = np.array(lengths, dtype=np.int64)
    total = int(sizes.sum())
    taken = (2 * sizes * count + total) // (2 * total)
    while (missing := count - int(taken.sum())) > 0:
        taken[np.argmin((2 * taken + 1) / sizes)] += 1
    for _ in range(-missing):
        # of equal times, that of the last stream is the last
        latest = np.argmax(((2 * taken - 1) / sizes)[::-1])
        taken[len(sizes) - 1 - latest] -= 1
    return taken
