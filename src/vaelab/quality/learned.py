"""The default features: those of a classifier that is trained once for a data set and kept."""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from vaelab.data.cache import cache_folder
from vaelab.data.pixels import Pixels
from vaelab.data.store import Store, checksum
from vaelab.errors import BadCombinationError, StorageError
from vaelab.files import write_bytes
from vaelab.quality.classifier import Classifier, ClassifierSettings, accuracy, train_classifier
from vaelab.quality.features import Features

VERSION = 1
"""Of network, training and defaults; whoever changes what the features are counts it up."""


def classifier_features(
    store: Store, pixels: Pixels, settings: ClassifierSettings | None = None
) -> Features:
    """What the layer before the last sees, in a classifier of the training images.

    On another machine training ends in somewhat other weights, and so in other features: `about`
    has their checksum, and numbers under another one are not comparable.

    Args:
        store: the data.
        pixels: how the model sees them.
        settings: of the classifier.

    Raises:
        BadCombinationError: the data has one class.
    """
    if len(store.classes) < 2:
        raise BadCombinationError(
            f"the features `classifier` are learned from classes, and {store.name} has one; use "
            "the features `pixels`, or in Python any function: "
            "`vaelab.sample_quality(run, Features(name, function))`"
        )
    settings = ClassifierSettings() if settings is None else settings
    about = {
        "version": VERSION,
        "data_checksum": checksum((store.train,), store.classes),
        "drawn": pixels.words if pixels.dynamic else None,
        "settings": settings.model_dump(mode="json"),
    }
    path = cache_folder() / "features" / f"classifier_v{VERSION}-{_digest(about)}.safetensors"
    classifier = Classifier(store.image_shape, len(store.classes), settings).eval()
    known = _load(path, about, classifier)
    if known is None:
        classifier = train_classifier(store.train, len(store.classes), pixels, settings)
        known = about | {"test_accuracy": accuracy(classifier, store.test, pixels)}
        _keep(path, known, classifier)
    weights = hashlib.sha256(save(classifier.state_dict())).hexdigest()
    return Features(
        f"classifier_v{VERSION}",
        classifier.features,
        f"checksum {weights[:8]}, {known['test_accuracy']:.1%} of the test images classified right",
    )


def _load(path: Path, about: Mapping[str, Any], classifier: Classifier) -> dict[str, Any] | None:
    """Fill the classifier; what is known of it, or None where the file is missing or damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            known: dict[str, Any] = json.loads(file.metadata()["vaelab"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        if known != {**about, "test_accuracy": float(known["test_accuracy"])}:
            return None
        classifier.load_state_dict(tensors)
    except (OSError, SafetensorError, RuntimeError, ValueError, TypeError, KeyError):
        return None
    return known


def _keep(path: Path, known: Mapping[str, Any], classifier: Classifier) -> None:
    try:
        content = save(classifier.state_dict(), metadata={"vaelab": json.dumps(known)})
        write_bytes(path, content, parents=True)
    except StorageError as error:
        # a cache saves time; the numbers are the same without it
        logging.getLogger("vaelab").warning("the classifier could not be kept: %s", error)


def _digest(about: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]
