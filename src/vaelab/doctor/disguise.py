"""An autoencoder in disguise: a rate so cheap that the prior is forgotten."""

from typing import ClassVar

from vaelab.doctor.base import Chart, Diagnosis, Finding, Severity, Try, absent
from vaelab.doctor.pressure import pressure
from vaelab.doctor.unfinished import longer

CHEAP = 0.5
"""Below this weight of the rate it is called cheap."""
FAR = 0.5
"""Nats for each dimension between the prior and a normal with mean and variance of the codes."""


class Disguise(Diagnosis):
    """A rate at less than half of the bound's price, or codes where the prior has none."""

    name: ClassVar[str] = "an autoencoder in disguise"
    what: ClassVar[str] = (
        "The distortion outweighs the rate so far that the codes go where they like: an "
        "autoencoder with a little noise."
    )
    why: ClassVar[str] = (
        "Sampling and walking start from the prior. Where the codes lie elsewhere, the decoder "
        "has never seen what the prior draws, and the ELBO pays for it."
    )
    reference: ClassVar[str] = (
        '"Simple and effective VAE training with calibrated decoders" (Rybkin et al., 2021, '
        'arXiv 2006.13202); "Fixing a broken ELBO" (Alemi et al., 2018, arXiv 1711.00464)'
    )

    def missing(self, chart: Chart) -> str | None:
        """It needs the price of the rate, or where the codes lie."""
        if chart.price is not None:
            return None
        return absent(chart, "moments_kl_nats", "latent_dimensions")

    def find(self, chart: Chart) -> Finding | None:
        """Too cheap a rate, codes far from the prior, or errors below the noise of the data."""
        low = pressure(chart)
        far, evidence = _distance(chart)
        noise, below = _below_the_noise(chart)
        cheap = low.weight < CHEAP
        if not (cheap or far or noise):
            return None
        tries = list(low.tries if cheap else longer(chart))
        if not cheap:
            tries.append(Try(("model.prior=vamp",), "lets the prior go where the codes are"))
            tries.append(Try(("objective.beta=2",), "makes the rate dearer"))
        summary = f"a nat of rate cost {low.weight:.2g} nats, nearly a plain autoencoder"
        if not cheap:
            summary = below[0] if noise else evidence[0]
        lines = [*(low.evidence if cheap else ()), *evidence, *below]
        severity = Severity.SERIOUS if cheap and far else Severity.WARNING
        return Finding(severity, summary, tuple(lines), tuple(tries))


def _distance(chart: Chart) -> tuple[bool, list[str]]:
    kl, dimensions = chart.value("moments_kl_nats"), chart.value("latent_dimensions")
    if kl is None or dimensions is None:
        return False, []
    line = f"the codes are {kl / dimensions:.2g} nats or more from the prior in each dimension"
    return kl / dimensions > FAR, [line]


def _below_the_noise(chart: Chart) -> tuple[bool, list[str]]:
    """Errors smaller than those made by rounding the pixels say that noise was learned."""
    implied, noise = chart.value("implied_gaussian_scale"), chart.value("rounding_noise")
    if implied is None or noise is None or implied >= noise:
        return False, []
    line = f"the errors imply a scale of {implied:.2g} pixel, and rounding alone makes {noise:.2g}"
    return True, [line]
