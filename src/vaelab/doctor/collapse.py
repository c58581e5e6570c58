"""Posterior collapse: dimensions that say nothing because saying something is made too dear."""

from typing import ClassVar

from vaelab.doctor.base import Chart, Diagnosis, Finding, Severity, Try, absent
from vaelab.doctor.pressure import pressure
from vaelab.doctor.unfinished import longer

PRESSED = 1.3
"""From this weight of the rate on, its price may be why dimensions are silent."""


class Collapse(Diagnosis):
    """Inactive dimensions where the rate is priced above the bound's, or no active one at all.

    Dimensions silent at the bound's own price are spare, which `SpareDimensions` tells.
    """

    name: ClassVar[str] = "posterior collapse"
    what: ClassVar[str] = (
        "The posterior of a dimension is the prior whatever the image, so it says nothing."
    )
    why: ClassVar[str] = (
        "The rate is what the code tells about the image. Where it costs more than the distortion "
        "it saves, silence is the optimum, and every image is decoded as the same mean."
    )
    reference: ClassVar[str] = (
        '"Don\'t blame the ELBO! A linear VAE perspective on posterior collapse" (Lucas et al., '
        "2019, arXiv 1911.02469)"
    )

    def missing(self, chart: Chart) -> str | None:
        """It needs the active units of a flat code."""
        return absent(chart, "active_units", "latent_dimensions", "rate_nats")

    def find(self, chart: Chart) -> Finding | None:
        """Silent dimensions that the price of the rate explains, or that are all there are."""
        total = int(chart.numbers["latent_dimensions"].value)
        active = int(chart.numbers["active_units"].value)
        high = pressure(chart)
        pressed = high.weight >= PRESSED
        if active == total or (active and not pressed):
            return None
        rate = chart.numbers["rate_nats"].value
        evidence = [
            f"{active} of {total} dimensions are active: over the images, their posterior mean has "
            f"a {chart.numbers['active_units'].estimator}",
            f"the rate is {rate:.3g} nats per image",
        ]
        tries = list(high.tries)
        if pressed:
            evidence += high.evidence
        else:
            ramp = "objective.beta={kind: linear, start: 0, end: 1, epochs: 20}"
            tries = [
                *longer(chart),
                Try((ramp,), "lets the code find a use before its price counts"),
                Try(("objective=free_bits",), "gives every dimension its first nats for nothing"),
            ]
        severity = Severity.WARNING if active else Severity.SERIOUS
        silent = f"{total - active} of {total} dimensions are inactive"
        return Finding(severity, silent, tuple(evidence), tuple(tries))
