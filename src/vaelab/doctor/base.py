"""What every diagnosis promises, and what it is told."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from math import ceil
from statistics import fmean
from typing import ClassVar

from vaelab.metrics import Number
from vaelab.objectives import BaseObjective, ELBOConfig
from vaelab.records import Row


class Severity(IntEnum):
    """How much it matters."""

    NOTE = 1
    """Nothing is wrong, something is wasted."""
    WARNING = 2
    """Numbers or samples are worse than they could be."""
    SERIOUS = 3
    """It does not do what a variational autoencoder is for."""


@dataclass(frozen=True)
class Try:
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
        tries: what to do, the most promising first.
    """

    severity: Severity
    summary: str
    evidence: tuple[str, ...]
    tries: tuple[Try, ...]


@dataclass(frozen=True)
class Chart:
    """What a run is judged by; nothing else is looked at.

    Attributes:
        rows: its log.
        numbers: measured on the weights kept, by name, never on test images.
        objective: what was minimised.
    """

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
    def price(self) -> float | None:
        """Nats that a nat of rate cost at the end of training; None where it had no one price."""
        epochs = max((float(row["epoch"]) for row in self.rows if "epoch" in row), default=0.0)
        controls = {name: schedule(epochs) for name, schedule in self.objective.controls.items()}
        for row in self.rows:
            controls |= {name: float(row[name]) for name in controls if name in row}
        return self.objective.rate_price(controls)

    @property
    def rate_weight(self) -> float | None:
        """What a nat of rate cost in training, in nats of a Gaussian that fits its errors.

        ||e||^2 / (2 s^2) + beta KL has the optimum of ||e||^2 / (2 r^2) + beta (s / r)^2 KL, so
        that a scale s where the errors imply r is a beta of (s / r)^2. None without a Gaussian, and
        where the objective gives the rate no one price.
        """
        scale, implied = self.value("gaussian_scale"), self.value("implied_gaussian_scale")
        price = self.price
        if scale is None or implied is None or price is None:
            return None
        return price * (scale / implied) ** 2


class Diagnosis(ABC):
    """A chart to a finding; it computes nothing that is not in the chart."""

    name: ClassVar[str]
    """What it is called."""
    what: ClassVar[str]
    """What it is."""
    why: ClassVar[str]
    """Why it matters."""
    reference: ClassVar[str]
    """Who described it."""

    @abstractmethod
    def missing(self, chart: Chart) -> str | None:
        """Why nothing can be said, or None."""

    @abstractmethod
    def find(self, chart: Chart) -> Finding | None:
        """What is wrong, or None; of a chart that misses nothing."""


def absent(chart: Chart, *names: str) -> str | None:
    """Which of these numbers a chart lacks, in words, or None."""
    gone = [name for name in names if name not in chart.numbers]
    return f"the model or its data has no {', '.join(gone)}" if gone else None
