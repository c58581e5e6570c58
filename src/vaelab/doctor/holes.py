"""Holes in the aggregate posterior: places of the prior to which no image goes."""

from typing import ClassVar

from vaelab.doctor.base import Chart, Diagnosis, Finding, Severity, Try, absent
from vaelab.doctor.unfinished import longer

MANY = 0.25
"""Share of the prior's draws that may be far from every code; 0.05 where there is no hole."""
ERRORS = 2.0
"""Standard errors by which it has to be more."""


class Holes(Diagnosis):
    """More than a quarter of the prior's draws farther from all codes than 95% of new codes are."""

    name: ClassVar[str] = "holes in the aggregate posterior"
    what: ClassVar[str] = (
        "The prior draws codes from places to which the encoder sends no image, so that the "
        "decoder never learned what to make of them."
    )
    why: ClassVar[str] = (
        "Samples from such places look like nothing, however good the ELBO: the rate pays for "
        "codes where the prior has little, never for a prior where there are no codes."
    )
    reference: ClassVar[str] = (
        '"A contrastive learning approach for training variational autoencoder priors" (Aneja et '
        'al., 2021, arXiv 2010.02917); "Resampled priors for variational autoencoders" (Bauer '
        "and Mnih, 2019, arXiv 1810.11428)"
    )

    def missing(self, chart: Chart) -> str | None:
        """It needs codes and a prior of a flat model."""
        return absent(chart, "prior_draws_in_holes")

    def find(self, chart: Chart) -> Finding | None:
        """Too many draws in holes."""
        number = chart.numbers["prior_draws_in_holes"]
        error = number.standard_error or 0.0
        if number.value - ERRORS * error <= MANY:
            return None
        summary = f"{number.value:.0%} of the prior's draws fall into holes between the codes"
        evidence = (
            f"{number.value:.0%} ± {error:.0%} of the prior's draws are farther from every code "
            f"than 95% of other images' codes are ({number.estimator}); without holes it is 5%",
        )
        tries = (
            *longer(chart),
            Try(("model.prior=vamp",), "puts the prior where the codes are"),
            Try(("model.prior=flow",), "bends the prior into their shape"),
            Try(("model.likelihood.scale=learned",), "lets the codes be as wide as they can"),
        )
        return Finding(Severity.WARNING, summary, evidence, tries)
