"""A latent dimension larger than what is told with it."""

from typing import ClassVar

from vaelab.doctor.base import Chart, Diagnosis, Finding, Severity, Try, absent
from vaelab.doctor.collapse import PRESSED
from vaelab.doctor.pressure import pressure

SHARE = 0.99
"""Of the rate, in the dimensions that are counted."""
SPARE = 0.25
"""From this share of dimensions on, unused ones are worth a word."""


class SpareDimensions(Diagnosis):
    """At least a quarter of the dimensions carries less than a hundredth of the rate together."""

    name: ClassVar[str] = "latent dimension too large"
    what: ClassVar[str] = "The images are told with fewer dimensions than the code has."
    why: ClassVar[str] = (
        "A VAE prunes what it does not need, which is no fault; but the pictures, the explorer "
        "and every measure of disentanglement get dimensions of pure noise to look at."
    )
    reference: ClassVar[str] = (
        '"Importance weighted autoencoders" (Burda et al., 2016, section 5.2, arXiv 1509.00519); '
        '"Hidden talents of the variational autoencoder" (Dai et al., 2018, arXiv 1706.05148)'
    )

    def missing(self, chart: Chart) -> str | None:
        """It needs the rate of each dimension, and an objective that does not hold it."""
        if chart.objective.holds_rate:
            return "the objective says how large the rate is to be"
        return absent(chart, "rate_z1_nats", "active_units", "latent_dimensions")

    def find(self, chart: Chart) -> Finding | None:
        """Spare dimensions, unless the price of the rate is why they are silent."""
        rates: list[float] = []
        while f"rate_z{len(rates) + 1}_nats" in chart.numbers:
            rates.append(chart.numbers[f"rate_z{len(rates) + 1}_nats"].value)
        total, active = len(rates), int(chart.numbers["active_units"].value)
        used = _used(rates)
        spare = total - used
        if not active or spare < max(1, SPARE * total) or pressure(chart).weight >= PRESSED:
            return None
        evidence = (
            f"{SHARE:.0%} of the rate of {sum(rates):.3g} nats is in {used} of {total} dimensions",
            f"{active} dimensions are active",
        )
        smaller = Try((f"model.latent={used}",), "is enough for what is told now")
        larger = Try(("model.encoder.widths=[512, 256]",), "may find more to tell")
        summary = f"{spare} of {total} dimensions are hardly used"
        return Finding(Severity.NOTE, summary, evidence, (smaller, larger))


def _used(rates: list[float]) -> int:
    """The fewest dimensions that hold `SHARE` of the rate."""
    told, wanted = 0.0, SHARE * sum(rates)
    for count, rate in enumerate(sorted(rates, reverse=True), 1):
        told += rate
        if told >= wanted:
            return count
    return len(rates)
