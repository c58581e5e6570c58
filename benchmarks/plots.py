"""Latent plots: the seed's, and the same from images in memory."""

from pathlib import Path

import matplotlib
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from benchmarks.networks import PlainVAE
from benchmarks.seed_files import PngFolder

BATCH_SIZE = 64


@torch.no_grad()
def latent_plot(model: PlainVAE, data: PngFolder, path: Path) -> None:
    """The test images at the means of their posteriors, read from their files one by one."""
    model.eval()
    means, labels = [], []
    for images, label in DataLoader(data, batch_size=BATCH_SIZE, num_workers=0):
        means.append(model(images.float())[0])  # the seed decodes them too
        labels.append(label)
    scatter(torch.cat(means), torch.cat(labels), path)


@torch.no_grad()
def plain_latent_plot(model: PlainVAE, images: Tensor, labels: Tensor, path: Path) -> None:
    """The same from images in memory, through the encoder alone."""
    model.eval()
    means = [model.mean(model.encoder(part)) for part in torch.split(images, 500)]
    scatter(torch.cat(means), labels, path)


def scatter(means: Tensor, labels: Tensor, path: Path) -> None:
    """Draw codes of two dimensions, a colour a class."""
    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    for number in range(10):
        points = means[labels == number].numpy()
        axes.scatter(points[:, 0], points[:, 1], s=10, label=str(number), edgecolors="none")
    axes.legend()
    axes.grid(True)
    figure.savefig(path)
    pyplot.close(figure)
