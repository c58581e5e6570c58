"""What every diagnosis promises, what it is told, and the remedies that several share."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from math import ceil
from statistics import fmean
from typing import ClassVar

from vaelab.metrics import Number
from vaelab.objectives import BaseObjective, ELBOConfig
from vaelab.runs.records import Row

FAR = 1e9
"""Epochs after which schedules have come to their ends."""
FEW = 5
"""Epochs of a run that may have just begun, at most."""
YOUNG = 0.05
"""Share of the rise of the validation ELBO that the last epoch of a run just begun brings."""
SCALE_RATIO = 1.1
"""A scale off by more than this factor is named."""


class Severity(IntEnum):
    """How much it matters."""

    NOTE = 1
    """Nothing is wrong, something is wasted."""
    WARNING = 2
    """Numbers or samples are worse than they could be."""
    SERIOUS = 3
    """It does not do what a variational autoencoder is for."""


@dataclass(frozen=True)
class Remedy:
    """Something to do about it: overrides of the run's config, and what they do."""

    overrides: tuple[str, ...]
    effect: str


@dataclass(frozen=True)
class Finding:
    """What is wrong with one run.

    Attributes:
        severity: how much it matters.
        summary: in a few words, for one line.
        evidence: the numbers that show it, with units, a line each.
        remedies: what to do, the most promising first.
    """

    severity: Severity
    summary: str
    evidence: tuple[str, ...]
    remedies: tuple[Remedy, ...]


@dataclass(frozen=True)
class Measurements:
    """What a run is judged by: its log, its numbers on no test images, and what was minimised."""

    rows: Sequence[Row]
    numbers: Mapping[str, Number]
    objective: BaseObjective = field(default_factory=ELBOConfig)

    def value(self, name: str) -> float | None:
        """A number, or None where it was not measured."""
        return self.numbers[name].value if name in self.numbers else None

    def elbos(self, split: str) -> dict[int, float]:
        """The mean ELBO logged in each epoch, nats per image, by the epoch's number from 1 on."""
        epochs: dict[int, list[float]] = {}
        for row in self.rows:
            if row["split"] == split:
                epochs.setdefault(ceil(row["epoch"]), []).append(row["elbo_nats"])
        return {epoch: fmean(values) for epoch, values in sorted(epochs.items())}

    @property
    def learning_rate(self) -> float:
        """The largest that was logged; 0 without."""
        return max((float(row.get("learning_rate", 0)) for row in self.rows), default=0.0)

    @property
    def price(self) -> float | None:
        """Nats that a nat of rate cost at the end of training; None where it had no one price."""
        epochs = max((float(row["epoch"]) for row in self.rows if "epoch" in row), default=0.0)
        controls = {name: schedule(epochs) for name, schedule in self.objective.controls.items()}
        for row in self.rows:
            controls |= {name: float(row[name]) for name in controls if name in row}
        return self.objective.rate_price(controls)

    @property
    def scale_ratio(self) -> float | None:
        """The scale of a Gaussian likelihood, in that which its errors imply; None without one."""
        scale, implied = self.value("gaussian_scale"), self.value("implied_gaussian_scale")
        return None if scale is None or implied is None else scale / implied


class Diagnosis(ABC):
    """From what was measured to a finding; it measures nothing itself."""

    name: ClassVar[str]
    """What it is called."""
    what: ClassVar[str]
    """What it is."""
    why: ClassVar[str]
    """Why it matters."""
    reference: ClassVar[str]
    """Who described it."""

    needs: ClassVar[Mapping[str, str]] = {}
    """Numbers without which nothing can be said, by name, and what a model has that has them."""

    def missing(self, measured: Measurements) -> str | None:
        """Why nothing can be said, or None."""
        gone = {words: None for name, words in self.needs.items() if name not in measured.numbers}
        return f"it takes {' and '.join(gone)}" if gone else None

    @abstractmethod
    def find(self, measured: Measurements) -> Finding | None:
        """What is wrong, or None; where nothing that it needs is missing."""


@dataclass(frozen=True)
class RatePrice:
    """The price of a nat of rate, in nats of distortion, why it is not 1 and what makes it so."""

    weight: float
    evidence: tuple[str, ...]
    remedies: tuple[Remedy, ...]


def rate_price(measured: Measurements) -> RatePrice:
    """What the rate cost in training; 1 where the objective gives it no one price.

    ||e||^2 / (2 s^2) + beta KL has the optimum of ||e||^2 / (2 r^2) + beta (s / r)^2 KL, so that a
    Gaussian of a scale s where the errors imply r is a beta of (s / r)^2.
    """
    price, ratio = measured.price, measured.scale_ratio
    evidence, remedies = [], []
    if price is None:
        return RatePrice(1.0, (), ())
    if price != 1:
        evidence.append(f"objective.beta ended at {price:.3g}; the bound has 1")
        plain = Remedy(("objective.beta=1",), "prices the rate as the bound does")
        remedies += finish_schedule(measured) or [plain]
    if ratio is not None and not 1 / SCALE_RATIO < ratio < SCALE_RATIO:
        scale = measured.numbers["gaussian_scale"].value
        implied = measured.numbers["implied_gaussian_scale"].value
        evidence.append(
            f"the likelihood's scale is {scale:.3g} pixel, the errors have {implied:.3g}: a beta "
            f"of ({scale:.3g} / {implied:.3g})² = {ratio**2:.2g} in effect"
        )
        if "scale_over_floor" not in measured.numbers:
            best = "measures the errors' scale on each batch"
            remedies.append(Remedy(("model.likelihood=optimal_gaussian",), best))
        elif price == 1:  # the scale is learned, and has not arrived
            remedies += suggest_more_epochs(measured)
    weight = price if ratio is None else price * ratio**2
    return RatePrice(weight, tuple(evidence), tuple(remedies))


def chosen_price(measured: Measurements) -> float:
    """The price of a nat of rate that the config means to have: what time changes is no part of it.

    That is a scale that is learned, and a beta on its way.
    """
    price = rate_price(measured).weight
    if "scale_over_floor" in measured.numbers:
        price = measured.price or 1.0
    controls = measured.objective.controls.items()
    meant = measured.objective.rate_price({name: rule(FAR) for name, rule in controls})
    return price if meant is None or not measured.price else price / measured.price * meant


def just_begun(measured: Measurements) -> str | None:
    """Why what the codes look like may be a matter of time; None where training had come far.

    It had not where there was one epoch, or there were five at most and the last of them brought
    more than a twentieth of all that the validation ELBO rose.
    """
    valid = measured.elbos("valid")
    if not valid or len(valid) > FEW:
        return None
    *before, last = valid.values()
    if before and last - before[-1] <= YOUNG * (last - before[0]):
        return None
    if not before:
        return "one epoch is too few to tell; training.epochs=N trains for more"
    return (
        f"the last of {max(valid)} epochs raised the validation ELBO by {last - before[-1]:.2g} "
        "nats, so that it may be a matter of time; training.epochs=N trains for more"
    )


def finish_schedule(measured: Measurements) -> list[Remedy]:
    """As many epochs as the schedules of the objective take, where there were fewer."""
    epochs = max((float(row["epoch"]) for row in measured.rows if "epoch" in row), default=FAR)
    left = measured.objective.unfinished(epochs)
    if not left:
        return []
    enough = ceil(max(schedule.length for schedule in left.values()))
    effect = f"finishes the schedule of {' and '.join(left)}, which takes so many"
    return [Remedy((f"training.epochs={enough}",), effect)]


def suggest_more_epochs(measured: Measurements) -> list[Remedy]:
    """Four times the epochs, where the best validation ELBO came in the last tenth of them.

    Where a schedule takes more than there were, as many as it takes.
    """
    if finishing := finish_schedule(measured):
        return finishing
    valid = measured.elbos("valid")
    if len(valid) < 2 or max(valid, key=lambda epoch: valid[epoch]) < 0.9 * max(valid):
        return []
    epochs = f"training.epochs={4 * max(valid)}"
    return [Remedy((epochs,), "trains longer, for the validation ELBO was still rising")]
