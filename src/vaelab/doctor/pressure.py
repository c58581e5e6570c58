"""What presses the rate down, or lets it grow: beta, and a scale that the errors do not have."""

from dataclasses import dataclass

from vaelab.doctor.base import Chart, Try

APART = 1.1
"""A scale off by more than this factor is named."""


@dataclass(frozen=True)
class Pressure:
    """The price of a nat of rate, in nats of distortion, and why it is not 1.

    Attributes:
        weight: of the rate, where the bound's own is 1.
        evidence: what makes it so, a line each.
        tries: what makes it 1.
    """

    weight: float
    evidence: tuple[str, ...]
    tries: tuple[Try, ...]


def pressure(chart: Chart) -> Pressure:
    """What the rate cost in training, as far as the chart tells; 1 where nothing is known."""
    price, weight = chart.price, chart.rate_weight
    evidence, tries = [], []
    if price is None:
        return Pressure(1.0, (), ())
    if price != 1:
        evidence.append(f"objective.beta ended at {price:g}; the bound has 1")
        tries.append(Try(("objective.beta=1",), "prices the rate as the bound does"))
    scale, implied = chart.value("gaussian_scale"), chart.value("implied_gaussian_scale")
    if scale is not None and implied is not None and not 1 / APART < scale / implied < APART:
        evidence.append(
            f"the likelihood's scale is {scale:.3g} pixel, the errors have {implied:.3g}: a beta "
            f"of ({scale:.3g} / {implied:.3g})² = {(scale / implied) ** 2:.2g} in disguise"
        )
        tries.append(
            Try(("model.likelihood.scale=learned",), "lets the errors set their own weight")
        )
    return Pressure(price if weight is None else weight, tuple(evidence), tuple(tries))
