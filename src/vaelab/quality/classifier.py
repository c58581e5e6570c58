"""A small classifier of the training images, whose features compare images."""

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from vaelab.adam import Adam
from vaelab.config import Config
from vaelab.data.feed import Feed, resident
from vaelab.data.pixels import Pixels
from vaelab.data.progress import track
from vaelab.data.store import Split
from vaelab.optimizers import CosineRate
from vaelab.quality.features import at_most
from vaelab.quality.images import compared
from vaelab.randomness import Purpose, derived_seed, generator, seeded

BATCH = 500


class ClassifierSettings(Config):
    """How the classifier is made."""

    channels: tuple[int, int, int] = (32, 64, 64)
    """Out of each convolution."""
    features: int = Field(default=64, ge=1)
    """Width of the layer before the last, whose outputs are the features."""
    largest_side: int = Field(default=64, ge=1)
    """Larger images are averaged down to this."""
    steps: int = Field(default=800, ge=1)
    """Of Adam, whatever the number of images."""
    batch_size: int = Field(default=128, ge=1)
    """Images a step."""
    learning_rate: float = Field(default=2e-3, gt=0)
    """At the beginning; it falls to zero along half a cosine."""
    seed: int = Field(default=0, ge=0)
    """Of initialisation and data order."""


class Classifier(nn.Module):
    """Three convolutions, a layer of features, and the logits of the classes.

    Once it is trained, the mean square of its features over the training images is 1.

    Args:
        image_shape: `(c, h, w)`.
        classes: how many.
        settings: widths.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], classes: int, settings: ClassifierSettings
    ) -> None:
        super().__init__()
        first, second, third = settings.channels
        self.largest_side = settings.largest_side
        self.trunk = nn.Sequential(
            nn.Conv2d(image_shape[0], first, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(first, second, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(second, third, 3, padding=1), nn.ReLU(), nn.Flatten(),
        )  # fmt: skip
        with torch.no_grad():
            width = self._seen(torch.zeros(1, *image_shape)).shape[1]
        self.trunk.extend([nn.Linear(width, settings.features), nn.ReLU()])
        self.last = nn.Linear(settings.features, classes)
        self.scale: Tensor
        self.register_buffer("scale", torch.ones(()))

    def features(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n f"]:
        """What the last layer sees, of images in [0, 1]."""
        return self._seen(images) / self.scale

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """Logits of the classes, of images in [0, 1]."""
        logits: Tensor = self.last(self._seen(images))
        return logits

    def _seen(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n f"]:
        result: Tensor = self.trunk(at_most(images, self.largest_side))
        return result


def train_classifier(
    training: Split, classes: int, pixels: Pixels, settings: ClassifierSettings
) -> Classifier:
    """A classifier of images as the model sees them, its logits' cross entropy minimised.

    The same on the same machine with the same number of threads.
    """
    with seeded(settings.seed, Purpose.INITIALISATION):
        classifier = Classifier(training.image_shape, classes, settings)
    parameters = list(classifier.parameters())
    optimizer = Adam(parameters, betas=(0.9, 0.999), eps=1e-8)
    order = np.random.default_rng(derived_seed(settings.seed, Purpose.ORDER))
    draws = generator(settings.seed, Purpose.PIXELS)
    steps = range(settings.steps)
    for step in track(steps, "training the classifier whose features compare images"):
        chosen = np.sort(order.integers(len(training), size=settings.batch_size))
        images = resident(training.images[chosen], "cpu")
        uniform = torch.rand(images.shape, generator=draws) if pixels.dynamic else None
        logits = classifier(pixels.to_unit(pixels(images, uniform)))
        loss = cross_entropy(logits, resident(training.labels[chosen], "cpu"))
        rate = settings.learning_rate * CosineRate()(step, settings.steps, [])
        optimizer.step(torch.autograd.grad(loss, parameters), [rate] * len(parameters))
    return _scaled(classifier.eval(), training, pixels)


@torch.no_grad()
def _scaled(classifier: Classifier, training: Split, pixels: Pixels) -> Classifier:
    """With its features brought to a mean square of 1: kernels are not blind to scale."""
    batches = Feed(compared(training), pixels, classes=0).batches(BATCH)
    squares = [classifier.features(pixels.to_unit(batch.x)).square().mean(1) for batch in batches]
    classifier.scale.copy_(torch.cat(squares).mean().sqrt())
    return classifier


@torch.no_grad()
def accuracy(classifier: Classifier, split: Split, pixels: Pixels) -> float:
    """The share of images that it gives their class."""
    right = [
        classifier(pixels.to_unit(batch.x)).argmax(1) == batch.labels
        for batch in Feed(split, pixels, classes=0).batches(BATCH)
    ]
    return torch.cat(right).double().mean().item()
