"""The seed's training loop, written again from what it does.

Images are PNG files that a DataLoader opens one by one (four workers for `vae_kl`, none for
`simple`, as its scripts have it) and shuffles; each step waits for three numbers and writes the
first input and the first output of the batch as JPEG.
"""

import sys
import warnings
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from benchmarks.networks import LEARNING_RATES, plain_loss, plain_model
from benchmarks.plots import BATCH_SIZE, latent_plot
from benchmarks.seed_files import PngFolder
from benchmarks.timing import timed

WORKERS = {"simple": 0, "vae_kl": 4}
LEAD = 10
"""Untimed steps: the workers are up and their queues of two batches each are full."""


class SeedLoop:
    """Epochs of the seed.

    Args:
        name: of the model.
        data: the training images.
        batch_size: images per step.
        folder: where the two JPEG files are written.
        workers: processes that open images; None: as many as the seed has.
    """

    def __init__(
        self, name: str, data: PngFolder, batch_size: int, folder: Path, workers: int | None = None
    ) -> None:
        self.model = plain_model(name)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATES[name])
        self.folder = folder
        self.workers = WORKERS[name] if workers is None else workers
        self.batch_size = batch_size
        self.data = data

    def block(self, steps: int) -> float:
        """Seconds per step in the middle of an epoch.

        The workers start before the clock does and go on reading ahead while it runs, as many
        batches as the steps use up; what an epoch costs them to start is left out, in favour of
        the seed. They have ended when this returns.
        """
        # torch wants plenty of images left, else the workers would rest before the clock stops
        needed = (steps + LEAD + 2 * self.workers) * self.batch_size
        if len(self.data) < needed:
            raise ValueError(f"{needed} PNG files are needed for this block, not {len(self.data)}")
        with warnings.catch_warnings(action="ignore"):  # four workers on fewer cores
            batches = iter(self.loader())
        self.model.train()
        losses: list[tuple[float, ...]] = []
        for images, _ in islice(batches, LEAD):
            losses.append(self.step(images))
        begun = perf_counter()
        for images, _ in islice(batches, steps):
            losses.append(self.step(images))
        seconds = (perf_counter() - begun) / steps
        del batches  # shuts the workers down and waits for them
        return seconds

    def epoch(self, steps: int) -> None:
        """An epoch, or its first steps."""
        losses = [self.step(images) for images, _ in islice(self.loader(), steps)]
        np.mean(losses, axis=0)

    def loader(self) -> "DataLoader[tuple[Tensor, Tensor]]":
        """A shuffled epoch."""
        return DataLoader(
            self.data, batch_size=self.batch_size, shuffle=True, num_workers=self.workers
        )

    def step(self, images: Tensor) -> tuple[float, ...]:
        """One step; loss, mean squared error and KL."""
        x = images.float()
        self.optimizer.zero_grad()
        mean, log_variance, output = self.model(x)
        for name, batch in (("input", x), ("output", output)):
            picture = (255 * (batch.detach() + 1) / 2).cpu().numpy()[0, 0]
            grey = picture.clip(0, 255).astype(np.uint8)
            Image.fromarray(grey).save(self.folder / f"{name}.jpeg")
        terms = plain_loss(output, x, mean, log_variance)
        values = tuple(term.item() for term in terms)
        terms[0].backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return values


def steps(name: str, pngs: str, batch_size: int, folder: str) -> Callable[[int], float]:
    """Steps of the seed's loop, for a side of that kind."""
    return SeedLoop(name, PngFolder(Path(pngs)), batch_size, Path(folder)).block


def plots(name: str, pngs: str, folder: str) -> Callable[[int], float]:
    """The seed's scatter of the test images, one at a time, for a side of that kind."""
    model, data, path = plain_model(name), PngFolder(Path(pngs)), Path(folder) / "seed.jpeg"
    return lambda _count: timed(lambda: latent_plot(model, data, path))


def program(name: str, pngs: str, tests: str, epochs: str, folder: str) -> None:
    """The seed as a whole program: its epochs, each with its scatter of the test images."""
    loop = SeedLoop(name, PngFolder(Path(pngs)), BATCH_SIZE, Path(folder))
    shown = PngFolder(Path(tests))
    for epoch in range(int(epochs)):
        loop.model.train()
        with warnings.catch_warnings(action="ignore"):
            loop.epoch(len(loop.data))
        latent_plot(loop.model, shown, Path(folder) / f"seed-{epoch}.jpeg")


if __name__ == "__main__":
    program(*sys.argv[1:])
