"""How near one set of images is to another: distances between their features."""

from typing import Literal

from vaelab.data.pixels import Pixels
from vaelab.data.store import Store
from vaelab.quality.classifier import classifier_features
from vaelab.quality.distances import (
    copying,
    coverage,
    density,
    frechet_distance,
    kernel_distance,
    nearest,
    precision,
    recall,
)
from vaelab.quality.features import Features, pixel_features

FeaturesName = Literal["classifier", "pixels"]


def features_named(name: FeaturesName, store: Store, pixels: Pixels) -> Features:
    """The features that vaelab has; those of the classifier are learned if need be."""
    return pixel_features() if name == "pixels" else classifier_features(store, pixels)


__all__ = [
    "Features",
    "FeaturesName",
    "classifier_features",
    "copying",
    "coverage",
    "density",
    "features_named",
    "frechet_distance",
    "kernel_distance",
    "nearest",
    "pixel_features",
    "precision",
    "recall",
]
