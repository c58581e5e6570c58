"""What may be wrong with the code: collapse, spare dimensions, holes, a rate too cheap."""

import re
from typing import ClassVar

import numpy as np

from vaelab.evaluation.diagnosis.base import (
    Diagnosis,
    Finding,
    Measurements,
    Remedy,
    Severity,
    chosen_price,
    just_begun,
    rate_price,
    suggest_more_epochs,
)

RATE_OF_ONE = re.compile(r"rate_z\d+_nats")
FLAT = "a code of one vector"
SILENCING_PRICE = 1.3
"""From this weight of the rate on, its price may be why dimensions are silent."""
MAX_LEARNING_RATE = 0.01
"""Of Adam, beyond which its steps may be why dimensions are silent."""
COUNTED, ENOUGH = 0.99, 0.95
"""Of the rate, in the dimensions that are counted, and in those that a smaller code has."""
MIN_SPARE_SHARE = 0.25
"""From this share of dimensions on, unused ones are worth a word."""
MAX_HOLES = 0.25
"""Share of the prior's draws that may be far from every code; 0.05 where there is no hole."""
HOLE_ERRORS = 2.0
"""Standard errors by which it has to be more."""
MIN_PRICE = 0.5
"""Below this weight of the rate it is called cheap."""
MAX_DISTANCE = 0.5
"""Nats for each dimension between the prior and a normal with mean and variance of the codes."""
MIN_SILENT_KL = 0.03
"""Nats from the prior, of inactive dimensions together, that are worth a word."""


class Collapse(Diagnosis):
    """Inactive dimensions where the rate is priced above the bound's, or no active one at all.

    Dimensions silent at the bound's own price are spare, which `SpareDimensions` tells.
    """

    name = "posterior collapse"
    what = "The posterior of a dimension is the same whatever the image, so it says nothing."
    why = (
        "The rate is what the code tells about the image. Where it costs more than the distortion "
        "it saves, silence is the optimum, and every image is decoded as the same mean."
    )
    reference = (
        '"Don\'t blame the ELBO! A linear VAE perspective on posterior collapse" (Lucas et al., '
        "2019, arXiv 1911.02469)"
    )

    needs: ClassVar = {"active_units": FLAT, "latent_dimensions": FLAT, "rate_nats": "a rate"}

    def missing(self, measured: Measurements) -> str | None:
        priced = chosen_price(measured) >= SILENCING_PRICE
        return super().missing(measured) or (None if priced else just_begun(measured))

    def find(self, measured: Measurements) -> Finding | None:
        """Silent dimensions that the price of the rate explains, or that are all there are."""
        total = int(measured.numbers["latent_dimensions"].value)
        active = int(measured.numbers["active_units"].value)
        high = rate_price(measured)
        pressed = high.weight >= SILENCING_PRICE
        if active == total or (active and not pressed):
            return None
        rate = measured.numbers["rate_nats"].value
        evidence = [
            f"{active} of {total} dimensions {_are(active)} active: over the images, their "
            f"posterior mean has a {measured.numbers['active_units'].estimator}",
            f"the rate is {rate:.3g} nats per image",
        ]
        if (silent_kl := measured.value("silent_kl_nats") or 0.0) >= MIN_SILENT_KL:
            evidence.append(
                f"the posterior of inactive dimensions is not the prior: it costs {silent_kl:.3g} "
                "nats or more that say nothing (free nats leave it there, or too short a training)"
            )
        remedies = list(high.remedies) if pressed else suggest_more_epochs(measured)
        if pressed:
            evidence += high.evidence
        if measured.learning_rate > MAX_LEARNING_RATE:
            evidence.append(f"the learning rate was {measured.learning_rate:g}")
            slower = "takes steps in which a dimension is not lost before it is of use"
            remedies.append(Remedy(("training.optimizer.learning_rate=2e-3",), slower))
        severity = Severity.WARNING if active else Severity.SERIOUS
        silent = f"{total - active} of {total} dimensions {_are(total - active)} inactive"
        return Finding(severity, silent, tuple(evidence), tuple(remedies))


class SpareDimensions(Diagnosis):
    """At least a quarter of the dimensions carries less than a hundredth of the rate together."""

    name = "latent dimension too large"
    what = "The images are told with fewer dimensions than the code has."
    why = (
        "A VAE prunes what it does not need, which is no fault; but the pictures, the explorer "
        "and every measure of disentanglement get dimensions of pure noise to look at."
    )
    reference = (
        '"Importance weighted autoencoders" (Burda et al., 2016, section 5.2, arXiv 1509.00519); '
        '"Hidden talents of the variational autoencoder" (Dai et al., 2018, arXiv 1706.05148)'
    )

    needs: ClassVar = {
        "rate_z1_nats": "a rate of each dimension",
        "active_units": FLAT,
        "latent_dimensions": FLAT,
    }

    def missing(self, measured: Measurements) -> str | None:
        if measured.objective.holds_rate:
            return "the objective says how large the rate is to be"
        return super().missing(measured) or just_begun(measured)

    def find(self, measured: Measurements) -> Finding | None:
        """Spare dimensions, unless the price of the rate is why they are silent."""
        rates = [
            number.value for name, number in measured.numbers.items() if RATE_OF_ONE.fullmatch(name)
        ]
        total, active = len(rates), int(measured.numbers["active_units"].value)
        told = np.cumsum(sorted(rates, reverse=True)) / sum(rates)
        used, enough = (min(total, 1 + int((told < part).sum())) for part in (COUNTED, ENOUGH))
        spare = total - used
        if (
            not active
            or spare < max(1, MIN_SPARE_SHARE * total)
            or rate_price(measured).weight >= SILENCING_PRICE
        ):
            return None
        most = f"{COUNTED:.0%} of the rate of {sum(rates):.3g} nats"
        evidence = (
            f"{most} is in {used} of {total} dimensions",
            f"{active} dimension{'s' * (active != 1)} {_are(active)} active",
        )
        smaller = Remedy((f"model.latent={enough}",), f"tells {ENOUGH:.0%} of what is told now")
        summary = f"{spare} of {total} dimensions {_are(spare)} hardly used"
        return Finding(Severity.NOTE, summary, evidence, (smaller,))


class Holes(Diagnosis):
    """More than a quarter of the prior's draws farther from all codes than 95% of new codes are."""

    name = "holes in the aggregate posterior"
    what = (
        "The prior draws codes from places to which the encoder sends no image, so that the "
        "decoder never learned what to make of them."
    )
    why = (
        "Samples from such places look like nothing, however good the ELBO: the rate pays for "
        "codes where the prior has little, never for a prior where there are no codes."
    )
    reference = (
        '"A contrastive learning approach for training variational autoencoder priors" (Aneja et '
        'al., 2021, arXiv 2010.02917); "Resampled priors for variational autoencoders" (Bauer '
        "and Mnih, 2019, arXiv 1810.11428)"
    )

    needs: ClassVar = {"prior_draws_in_holes": FLAT}

    def missing(self, measured: Measurements) -> str | None:
        return super().missing(measured) or just_begun(measured)

    def find(self, measured: Measurements) -> Finding | None:
        number = measured.numbers["prior_draws_in_holes"]
        error = number.standard_error or 0.0
        if number.value - HOLE_ERRORS * error <= MAX_HOLES:
            return None
        summary = f"{number.value:.0%} of the prior's draws fall into holes between the codes"
        evidence = (
            f"{number.value:.0%} ± {error:.0%} of the prior's draws are farther from every code "
            f"than 95% of other images' codes are ({number.estimator}); without holes it is 5%",
        )
        low = rate_price(measured)
        cause = low.remedies if low.weight < MIN_PRICE else suggest_more_epochs(measured)
        vamp = Remedy(("model.prior=vamp",), "puts the prior where the codes are")
        return Finding(Severity.WARNING, summary, evidence, (*cause, vamp))


class NearAutoencoder(Diagnosis):
    """A rate at less than half of the bound's price, or codes where the prior has none."""

    name = "a neglected prior"
    what = (
        "The codes go where they like rather than where the prior is: at the extreme, an "
        "autoencoder with a little noise."
    )
    why = (
        "Sampling and walking start from the prior. Where the codes lie elsewhere, the decoder "
        "has never seen what the prior draws, and the ELBO pays for it."
    )
    reference = (
        '"Simple and effective VAE training with calibrated decoders" (Rybkin et al., 2021, '
        'arXiv 2006.13202); "Fixing a broken ELBO" (Alemi et al., 2018, arXiv 1711.00464)'
    )

    needs: ClassVar = {"moments_kl_nats": "a prior of unit scale", "latent_dimensions": FLAT}

    def missing(self, measured: Measurements) -> str | None:
        if measured.price is None and (reason := super().missing(measured)):
            return reason
        return None if chosen_price(measured) < MIN_PRICE else just_begun(measured)

    def find(self, measured: Measurements) -> Finding | None:
        """Too cheap a rate, codes far from the prior, or errors below the noise of the data."""
        low = rate_price(measured)
        far, evidence = _distance(measured)
        noise, below = _below_the_noise(measured)
        cheap = low.weight < MIN_PRICE
        if not (cheap or far or noise):
            return None
        remedies = list(low.remedies if cheap else suggest_more_epochs(measured))
        if not cheap:
            remedies.append(Remedy(("model.prior=vamp",), "lets the prior go where the codes are"))
        summary = f"a nat of rate cost {low.weight:.2g} nats, nearly a plain autoencoder"
        if not cheap:
            summary = below[0] if noise else evidence[0]
        lines = [*(low.evidence if cheap else ()), *evidence, *below]
        severity = Severity.SERIOUS if cheap and far else Severity.WARNING
        return Finding(severity, summary, tuple(lines), tuple(remedies))


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _distance(measured: Measurements) -> tuple[bool, list[str]]:
    kl, dimensions = measured.value("moments_kl_nats"), measured.value("latent_dimensions")
    if kl is None or dimensions is None:
        return False, []
    kl -= measured.value("silent_kl_nats") or 0.0  # which no image moves: collapse
    line = f"the codes are {kl / dimensions:.2g} nats or more from the prior in each dimension"
    return kl / dimensions > MAX_DISTANCE, [line]


def _below_the_noise(measured: Measurements) -> tuple[bool, list[str]]:
    """Errors smaller than those made by rounding the pixels say that noise was learned."""
    implied, noise = measured.value("implied_gaussian_scale"), measured.value("rounding_noise")
    if implied is None or noise is None or implied >= noise:
        return False, []
    line = f"the errors imply a scale of {implied:.2g} pixel, and rounding alone makes {noise:.2g}"
    return True, [line]
