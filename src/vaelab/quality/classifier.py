"""The default features: those of a small classifier, trained once for a data set and kept."""

import hashlib
import json
import logging

import numpy as np
import torch
from jaxtyping import Float
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from vaelab.console import track
from vaelab.data.cache import cache_folder
from vaelab.data.loading.evaluation import EvalLoader, to_device
from vaelab.data.pixels import Pixels
from vaelab.data.store import Split, Store, checksum
from vaelab.errors import BadCombinationError, StorageError, UserError
from vaelab.files import make_folders
from vaelab.optim import CosineRate
from vaelab.optim.optimizers import Adam
from vaelab.quality.features import Features, at_most
from vaelab.quality.images import comparison_subset
from vaelab.randomness import Purpose, derived_seed, generator, seeded
from vaelab.tensorfile import read_tensors, write_tensors

VERSION = 1
"""Of network, training and what is below; whoever changes what the features are counts it up."""
CHANNELS = (32, 64, 64)
"""Out of each convolution."""
FEATURES = 64
"""Width of the layer before the last, whose outputs are the features."""
LARGEST_SIDE = 64
"""Larger images are averaged down to this."""
STEPS = 800
"""Of Adam, whatever the number of images."""
BATCH_SIZE = 128
LEARNING_RATE = 2e-3
"""At the beginning; it falls to zero along half a cosine."""
SEED = 0
"""Of initialisation and data order."""


class Classifier(nn.Module):
    """Three convolutions, a layer of features, and the logits of the classes.

    Once it is trained, the mean square of its features over the training images is 1.
    """

    def __init__(self, image_shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        first, second, third = CHANNELS
        self.trunk = nn.Sequential(
            nn.Conv2d(image_shape[0], first, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(first, second, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(second, third, 3, padding=1), nn.ReLU(), nn.Flatten(),
        )  # fmt: skip
        with torch.no_grad():
            width = self._seen(torch.zeros(1, *image_shape)).shape[1]
        self.trunk.extend([nn.Linear(width, FEATURES), nn.ReLU()])
        self.last = nn.Linear(FEATURES, classes)
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
        result: Tensor = self.trunk(at_most(images, LARGEST_SIDE))
        return result


def train_classifier(training: Split, classes: int, pixels: Pixels) -> Classifier:
    """A classifier of images as the model sees them, its logits' cross entropy minimised.

    The same on the same machine with the same number of threads.
    """
    with seeded(SEED, Purpose.INITIALISATION):
        classifier = Classifier(training.image_shape, classes)
    parameters = list(classifier.parameters())
    optimizer = Adam(parameters, betas=(0.9, 0.999), eps=1e-8)
    order = np.random.default_rng(derived_seed(SEED, Purpose.ORDER))
    draws = generator(SEED, Purpose.PIXELS)
    for step in track(range(STEPS), "training the classifier whose features compare images"):
        chosen = np.sort(order.integers(len(training), size=BATCH_SIZE))
        images = to_device(training.images[chosen], "cpu")
        uniform = torch.rand(images.shape, generator=draws) if pixels.dynamic else None
        logits = classifier(pixels.to_unit(pixels(images, uniform)))
        loss = cross_entropy(logits, to_device(training.labels[chosen], "cpu"))
        rate = LEARNING_RATE * CosineRate()(step, STEPS, [])
        optimizer.step(torch.autograd.grad(loss, parameters), [rate] * len(parameters))
    # features of a mean square of 1, for kernels are not blind to scale
    with torch.no_grad():
        batches = EvalLoader(comparison_subset(training), pixels, classes=0).batches()
        seen = [classifier.features(pixels.to_unit(batch.x)).square().mean(1) for batch in batches]
        classifier.scale.copy_(torch.cat(seen).mean().sqrt())
    return classifier.eval()


@torch.no_grad()
def accuracy(classifier: Classifier, split: Split, pixels: Pixels) -> float:
    """The share of images that it gives their class."""
    right = [
        classifier(pixels.to_unit(batch.x)).argmax(1) == batch.labels
        for batch in EvalLoader(split, pixels, classes=0).batches()
    ]
    return torch.cat(right).double().mean().item()


def classifier_features(store: Store, pixels: Pixels) -> Features:
    """What the layer before the last sees, in a classifier of the training images.

    On another machine training ends in somewhat other weights, and so in other features: `about`
    has their checksum, and numbers under another one are not comparable.
    """
    if len(store.classes) < 2:
        raise BadCombinationError(
            f"the features `classifier` are learned from classes, and {store.name} has one; use "
            "the features `pixels`, or in Python any function: "
            "`vaelab.sample_quality(run, Features(name, function))`"
        )
    about = {
        "version": VERSION,
        "data_checksum": checksum((store.train,), store.classes),
        "drawn": pixels.words if pixels.dynamic else None,
        "steps": STEPS,
    }
    digest = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]
    path = cache_folder() / "features" / f"classifier_v{VERSION}-{digest}.safetensors"
    classifier = Classifier(store.image_shape, len(store.classes)).eval()
    try:
        tensors, known = read_tensors(path)
        classifier.load_state_dict(tensors)
    except UserError:  # not there, or damaged
        classifier = train_classifier(store.train, len(store.classes), pixels)
        known = about | {"test_accuracy": accuracy(classifier, store.test, pixels)}
        try:
            make_folders(path.parent)
            write_tensors(path, classifier.state_dict(), known)
        except StorageError as error:
            # a cache saves time; the numbers are the same without it
            logging.getLogger("vaelab").warning("the classifier could not be kept: %s", error)
    weights = hashlib.sha256(save(classifier.state_dict())).hexdigest()
    return Features(
        f"classifier_v{VERSION}",
        classifier.features,
        f"checksum {weights[:8]}, {known['test_accuracy']:.1%} of the test images classified right",
    )
