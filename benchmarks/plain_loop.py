"""The plain loop: float images in one tensor, nn layers, torch.optim.Adam, nothing else."""

import sys
from collections.abc import Callable
from math import ceil
from pathlib import Path

import numpy as np
import torch

from benchmarks.images import load
from benchmarks.networks import LEARNING_RATES, plain_loss, plain_model
from benchmarks.plots import BATCH_SIZE, plain_latent_plot
from benchmarks.timing import timed


class PlainLoop:
    """What a careful person writes first when the data fits into memory.

    Args:
        name: of the model.
        pixels: `(n, 1, 28, 28)` uint8; made float once, here.
        batch_size: images per step.
    """

    def __init__(self, name: str, pixels: np.ndarray, batch_size: int) -> None:
        # in place, so that the peak of its memory is the images and no copies of them
        self.images = (
            torch.from_numpy(np.require(pixels, requirements=["W"])).float().div_(127.5).sub_(1)
        )
        self.model = plain_model(name)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATES[name])
        self.batch_size = batch_size
        self._order = torch.randperm(len(self.images))
        self._next = 0

    def steps(self, count: int) -> None:
        """Take so many steps, shuffling anew after each epoch."""
        for _ in range(count):
            if self._next >= len(self._order):
                self._order, self._next = torch.randperm(len(self.images)), 0
            index = self._order[self._next : self._next + self.batch_size]
            self._next += self.batch_size
            x = self.images[index]
            mean, log_variance, output = self.model(x)
            loss = plain_loss(output, x, mean, log_variance)[0]
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()


def steps(name: str, data: str, batch_size: int) -> Callable[[int], float]:
    """Steps of the plain loop, for a side of that kind."""
    loop = PlainLoop(name, load(data).pixels, batch_size)
    return lambda count: timed(lambda: loop.steps(count)) / count


def plots(name: str, test: str, folder: str) -> Callable[[int], float]:
    """Scatters of the test images from memory, one at a time, for a side of that kind."""
    images, model, path = load(test), plain_model(name), Path(folder) / "plain.jpeg"
    pixels = torch.tensor(images.pixels).float().div_(127.5).sub_(1)
    labels = torch.from_numpy(images.labels)
    return lambda _count: timed(lambda: plain_latent_plot(model, pixels, labels, path))


def reading(csv: str, rows: int) -> Callable[[int], float]:
    """The first rows of a CSV file to an array, with NumPy, for a side of that kind."""
    return lambda _count: timed(
        lambda: np.loadtxt(csv, np.uint8, delimiter=",", skiprows=1, max_rows=rows)
    )


def program(name: str, data: str, test: str, epochs: str, folder: str) -> None:
    """The same as a whole program: its epochs, each with a scatter of the test images."""
    loop, images = PlainLoop(name, load(data).pixels, BATCH_SIZE), load(test)
    pixels = torch.tensor(images.pixels).float().div_(127.5).sub_(1)
    labels = torch.from_numpy(images.labels)
    for epoch in range(int(epochs)):
        loop.model.train()
        loop.steps(ceil(len(loop.images) / BATCH_SIZE))
        path = Path(folder) / f"plain-{epoch}.jpeg"
        plain_latent_plot(loop.model, pixels, labels, path)


if __name__ == "__main__":
    program(*sys.argv[1:])
