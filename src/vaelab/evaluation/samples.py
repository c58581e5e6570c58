"""How good a run's samples are: how near they are to real images, and whether they are copies."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from jaxtyping import Float
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table
from torch import Tensor

from vaelab.console import digits, plain, track, with_error
from vaelab.data.store import SplitName
from vaelab.errors import BadValueError
from vaelab.evaluation.evaluate import pixels_name
from vaelab.figures import NearestFigure
from vaelab.files import write_text
from vaelab.metrics import Number
from vaelab.quality import (
    Features,
    FeaturesName,
    copying,
    coverage,
    density,
    features_named,
    frechet_distance,
    kernel_distance,
    precision,
    recall,
)
from vaelab.quality.images import (
    SampleKind,
    as_uint8,
    comparison_subset,
    default_sample_kind,
    samples,
)
from vaelab.randomness import Purpose, derived_seed
from vaelab.runs.render import figure_context
from vaelab.runs.run import Run

USUAL, SMALLEST = 10_000, 10
"""Images compared where nothing is said, and at least."""
SEED = 0
BETTER = {
    "frechet": "↓", "mmd2": "↓", "precision": "↑", "recall": "↑", "density": "↑", "coverage": "↑",
    "copying": "½",
}  # fmt: skip
"""Smaller, larger, or near a half: more is a sign of copies."""

Vectors = Float[Tensor, "_ f"]


@dataclass(frozen=True)
class SampleQuality:
    """What quality_<features>.json holds; numbers compare where all from `split` on agrees.

    Attributes:
        weights: their digest; the numbers are of these, and of no others the run may get.
        split: of the real images that samples are compared with.
        images: how many of them, and how many samples.
        pixels: their domain and how they were drawn.
        conditional: samples were made given the classes of the real images.
        features: name of the features, with its version where it has one.
        about_features: what else tells them apart.
        made: samples are means or draws of p(x|z).
        seed: of codes, draws, and the choice of real images.
        numbers: of the samples, by name.
        real: the same where real images stand in for the samples: as many training images (test
            images, if `split` is train), from which the classifier's features were learned. None
            for `copying`, in which held-out images are the measure: they would score a half.
    """

    run: str
    epoch: int
    weights: str
    split: str
    images: int
    data_checksum: str
    pixels: str
    conditional: bool
    features: str
    about_features: str
    made: SampleKind
    seed: int
    numbers: dict[str, Number]
    real: dict[str, Number]

    def __repr__(self) -> str:
        """The table, as plain text."""
        return plain(self.table())

    def table(self) -> Table:
        """The numbers for a terminal."""
        about = f" ({escape(self.about_features)})" if self.about_features else ""
        stand_in = "held-out" if self.split == "train" else "training"
        table = Table(
            box=SIMPLE,
            title=f"{escape(self.run)}: {self.images:,} samples ({self.made}s of p(x|z)) against "
            f"{self.images:,} {self.split} images, weights of epoch {self.epoch}",
            caption=f"features {self.features}{about}, {self.pixels} pixels. Real: what as many "
            f"{stand_in} images score in the samples' place. ↓ ↑: better smaller, larger; ½: "
            "as near to training images as held-out ones, 1: copies. "
            "Numbers compare under the same features, images, split, pixels and conditioning only.",
        )
        table.add_column("number", no_wrap=True)
        table.add_column("")
        table.add_column("samples", justify="right", no_wrap=True)
        table.add_column("real", justify="right", no_wrap=True)
        table.add_column("unit, estimator", overflow="fold")
        for name, number in self.numbers.items():
            table.add_row(
                name, BETTER[name.removesuffix(f"_{self.features}")],
                with_error(number.value, number.standard_error),
                digits(self.real[name].value, 4) if name in self.real else "",
                f"{number.unit}, {number.estimator}",
            )  # fmt: skip
        return table


def score_samples(
    run: Run,
    features: Features | FeaturesName = "classifier",
    split: SplitName = "test",
    images: int | None = None,
    made: SampleKind | None = None,
) -> SampleQuality:
    """Compare a run's samples with real images; write quality_<features>.json and nearest.png.

    The arguments are those of `vaelab.sample_quality`.
    """
    model, about = run.load_model()
    pixels = run.experiment.data.pixels
    store = run.experiment.data.load()
    train = comparison_subset(store.train)
    held = comparison_subset(store.test if split == "train" else store.split(split))
    count = _count(len(train), len(held), split, images)
    used = features_named(features, store, pixels) if isinstance(features, str) else features
    how = default_sample_kind(pixels) if made is None else made

    draws = np.random.default_rng(derived_seed(SEED, Purpose.COMPARED_IMAGES))
    learned = np.sort(draws.permutation(len(train))[:count])
    unseen = np.sort(draws.permutation(len(held))[:count])
    labels = train.labels[learned] if split == "train" else held.labels[unseen]
    seen = as_uint8(train, pixels)
    training = used.of(seen, "training images")
    outside = used.of(as_uint8(held, pixels)[unseen], "held-out images")
    found = used.of(samples(model, pixels, labels, how, SEED), "samples")
    inside = training[torch.from_numpy(learned)]
    real, baseline = (inside, outside) if split == "train" else (outside, inside)
    of_samples = _distances(real, found, used.name, "samples")
    of_real = _distances(real, baseline, used.name, "real images")
    copies, error = copying(training, outside, found)
    estimator = f"{len(training):,} training images"
    of_samples[f"copying_{used.name}"] = Number(copies, "share", estimator, error)
    quality = SampleQuality(
        run=run.path.name,
        epoch=about["epoch"],
        weights=about["digest"],
        split=split,
        images=count,
        data_checksum=store.checksum,
        pixels=pixels_name(run),
        conditional=run.experiment.model.numbers_conditional,
        features=used.name,
        about_features=used.about,
        made=how,
        seed=SEED,
        numbers=of_samples,
        real=of_real,
    )
    write_text(run.quality_path(used.name), json.dumps(asdict(quality), indent=2) + "\n")
    figure = NearestFigure(made=how)
    figure.write(figure.panel(figure_context(run, store), used, seen, training), run.figures)
    return quality


def _count(training: int, held: int, split: SplitName, images: int | None) -> int:
    most = min(training, held)
    count = min(most, USUAL) if images is None else images
    if not SMALLEST <= count <= most:
        raise BadValueError(
            f"{count:,} images of the {split} split were to be compared with as many samples and "
            f"as many other real images; that can be done with {SMALLEST} to {most:,} of this data"
        )
    return count


MEASURES: dict[str, tuple[Callable[[Vectors, Vectors], float | tuple[float, float]], str, str]] = {
    "frechet": (frechet_distance, "feature²", "normal fits"),
    "mmd2": (kernel_distance, "kernel", "unbiased, cubic"),
    "precision": (precision, "share", "k = 3"),
    "recall": (recall, "share", "k = 3"),
    "density": (density, "ratio", "k = 5"),
    "coverage": (coverage, "share", "k = 5"),
}
"""What is measured, with its unit and its estimator."""


def _distances(real: Vectors, made: Vectors, features: str, what: str) -> dict[str, Number]:
    numbers = {}
    for name, (measure, unit, estimator) in track(MEASURES.items(), f"comparing {what}"):
        found = measure(real, made)
        value, error = found if isinstance(found, tuple) else (found, None)
        numbers[f"{name}_{features}"] = Number(value, unit, estimator, error)
    return numbers
