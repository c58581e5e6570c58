"""From a run to its findings."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import hypot, sqrt

import numpy as np
import torch

from vaelab.config import override, validate
from vaelab.data import Domain, Split, Store
from vaelab.data.feed import Feed
from vaelab.data.store import Outline
from vaelab.doctor.base import Chart, Diagnosis, Finding, Try
from vaelab.doctor.collapse import Collapse
from vaelab.doctor.coverage import coverage_numbers, moment_numbers
from vaelab.doctor.disguise import Disguise
from vaelab.doctor.holes import Holes
from vaelab.doctor.limits import certainty_numbers, rounding_numbers, scale_numbers
from vaelab.doctor.overfitting import Overfitting
from vaelab.doctor.saturation import Saturation
from vaelab.doctor.spare import SpareDimensions
from vaelab.errors import BadValueError, UserError
from vaelab.experiment import Experiment
from vaelab.metrics import (
    ActiveUnitsMetric,
    BoundMetric,
    ImpliedScaleMetric,
    Number,
)
from vaelab.models import VAE, FlatLatent, LatentVariableModel
from vaelab.run import Run

DIAGNOSES: tuple[Diagnosis, ...] = (
    Collapse(), Disguise(), Saturation(), Overfitting(), Holes(), SpareDimensions(),
)  # fmt: skip
THOROUGH, GLANCE = 1000, 300
"""Images looked at, of the training and of the validation set each."""
BATCH = 500
ACTIVE = 0.01
"""Of a unit, or of the posterior's own variance, above which a dimension is active."""
FEWEST = 10
"""Images without which nothing can be measured."""


@dataclass(frozen=True)
class Examination:
    """What was looked for in a run and what was found.

    Attributes:
        run: its folder.
        images: what the numbers were measured on, in words.
        chart: the numbers.
        findings: what is wrong, the worst first.
        sound: what was looked for and not found.
        skipped: what could not be looked for, and why.
    """

    run: str
    images: str
    chart: Chart
    findings: tuple[tuple[Diagnosis, Finding], ...]
    sound: tuple[Diagnosis, ...]
    skipped: tuple[tuple[Diagnosis, str], ...]


def examine(run: Run, images: int = THOROUGH) -> Examination:
    """Measure the weights that a run keeps and say what is wrong with it.

    Test images are never looked at: what is tried because of the findings was chosen by them.

    Args:
        run: a trained run.
        images: at most this many of the training and of the validation set each.

    Raises:
        UserError: no weights yet, the data is gone, or it has too few images.
    """
    model, _ = run.load_model()
    store, pixels = run.experiment.data.load(), run.experiment.data.pixels
    train, held, name = _splits(store, images)
    feeds = [Feed(split, pixels, model.classes) for split in (train, held)]
    numbers = measure(model, feeds[0], feeds[1]) | rounding_numbers(train, pixels.domain)
    numbers |= error_numbers(numbers["elbo_nats"], len(held), store)
    chart = Chart(run.metrics(), numbers, run.experiment.objective)
    return diagnose(str(run.path), name, chart, partial(_possible, run, store.outline))


def diagnose(run: str, images: str, chart: Chart, possible: Callable[[Try], bool]) -> Examination:
    """Every diagnosis of a chart, with those remedies that are possible."""
    findings: list[tuple[Diagnosis, Finding]] = []
    sound: list[Diagnosis] = []
    skipped: list[tuple[Diagnosis, str]] = []
    for diagnosis in DIAGNOSES:
        if reason := diagnosis.missing(chart):
            skipped.append((diagnosis, reason))
        elif finding := diagnosis.find(chart):
            tries = tuple(remedy for remedy in finding.tries if possible(remedy))
            findings.append((diagnosis, replace(finding, tries=tries)))
        else:
            sound.append(diagnosis)
    findings.sort(key=lambda found: -found[1].severity)
    return Examination(run, images, chart, tuple(findings), tuple(sound), tuple(skipped))


def measure(model: LatentVariableModel, known: Feed, new: Feed) -> dict[str, Number]:
    """The numbers of a chart that this model has.

    Args:
        model: in evaluation mode.
        known: training images, whose posteriors make the aggregate.
        new: images held out.
    """
    numbers = BoundMetric()(model, new)
    if isinstance(model, FlatLatent):
        numbers |= active_numbers(model, new)
        numbers["latent_dimensions"] = Number(model.latent, "dimensions", "of the model")
        if new.pixels.domain is not Domain.BINARY:
            numbers |= ImpliedScaleMetric()(model, new)
    if isinstance(model, VAE):
        numbers |= scale_numbers(model) | certainty_numbers(model, new)
        numbers |= coverage_numbers(model, known, new) | moment_numbers(model, known)
    return numbers


@torch.no_grad()
def active_numbers(model: FlatLatent, feed: Feed) -> dict[str, Number]:
    """`active_units`, whose threshold is relative where the prior is learned and has no scale."""
    if not isinstance(model, VAE) or model.prior.unit_scale:
        return ActiveUnitsMetric()(model, feed)
    posteriors = [model.encode(batch.x, batch.context) for batch in feed.batches(BATCH)]
    of_means = torch.cat([q.mean for q in posteriors]).var(0, correction=0)
    own = torch.cat([q.variance for q in posteriors]).mean(0)
    count = (of_means > ACTIVE * own).sum().item()
    words = f"variance > {ACTIVE:g} of the posterior's own"
    return {"active_units": Number(count, f"of {model.latent}", words)}


def error_numbers(elbo: Number, images: int, store: Store) -> dict[str, Number]:
    """How far the ELBOs of the log may be off because of the images they are of.

    Args:
        elbo: of some images.
        images: how many.
        store: with all that the log is of.
    """
    if elbo.standard_error is None or not len(store.valid):
        return {}
    deviation = elbo.standard_error * sqrt(images)
    valid, train = (deviation / sqrt(count) for count in (len(store.valid), store.training_images))
    words = "standard error over images"
    return {
        "valid_error_nats": Number(valid, "nats", words),
        "gap_error_nats": Number(hypot(valid, train), "nats", words),
    }


def _possible(run: Run, outline: Outline, remedy: Try) -> bool:
    """Whether the run's config takes the overrides, and is another with them."""
    try:
        config = override(Experiment, run.experiment.model_dump(mode="json"), remedy.overrides)
        changed = validate(Experiment, config, str(run.path))
        domain = changed.data.pixels.domain
        changed.model.build(outline.image_shape, domain, outline.classes)
    except UserError:
        return False
    return changed != run.experiment


def _splits(store: Store, images: int) -> tuple[Split, Split, str]:
    """Training images, others, and what they are called."""
    train, held, name = store.train, store.valid, "validation"
    if not len(held):
        # halves of the training images are both known, which is said
        order = np.arange(len(train))
        train, held, name = train.select(order[::2]), train.select(order[1::2]), "training"
    train, held = _some(train, images), _some(held, images)
    if min(len(train), len(held)) < FEWEST:
        raise BadValueError(
            f"{len(train):,} training and {len(held):,} {name} images are too few to tell; "
            f"{FEWEST} of each are needed, see data.validation"
        )
    alone = "" if name == "validation" else ", for there are no validation images"
    return train, held, f"{len(held):,} {name} images{alone}"


def _some(split: Split, count: int) -> Split:
    """At most `count` images, evenly spread."""
    if len(split) <= count:
        return split
    return split.select(np.arange(count) * len(split) // count)


def glance(run: Run) -> str:
    """One line at the end of a training; a fraction of a second."""
    try:
        return worst(examine(run, GLANCE))
    except UserError as error:
        return f"doctor: nothing can be said, for {error}"


def worst(examination: Examination) -> str:
    """One line: the worst finding, or that there is none."""
    findings = examination.findings
    if not findings:
        return f"doctor: nothing found, on {examination.images}"
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return (
        f"doctor: {findings[0][1].summary}{more}, on {examination.images}; vaelab doctor "
        f"{examination.run} looks closer and says what to try"
    )
