"""What may be wrong with the fit: overfitting, a likelihood at its limit."""

from typing import ClassVar

from vaelab.evaluation.diagnosis.base import Diagnosis, Finding, Measurements, Remedy, Severity

MIN_FALL = 1.0
"""Nats by which the validation ELBO has fallen before it counts."""
FALL_ERRORS = 3.0
"""And standard errors, since the validation images may happen to be the harder ones."""
MAX_GAP = 0.3
"""A gap between training and validation of this share of the rate counts too."""
MAX_HELD_OUT = 0.15
"""Share of the images held out from which on fewer would do."""
FLOOR_RATIO = 1.1
"""A learned scale within this factor of its floor lies on it; so does one whose errors are less."""
MAX_AT_LIMIT = 0.1
"""Share of the pixels whose own scale may, or whose own density is cut off."""
MAX_IMPOSSIBLE = 0.2
"""Share of the distortion that may come from pixels held to be all but impossible."""


class Overfitting(Diagnosis):
    """A validation ELBO that turned while that of training rose, or a wide gap between them."""

    name = "overfitting"
    what = (
        "The networks learn the training images by heart: their ELBO rises, that of images they "
        "have not seen falls behind."
    )
    why = (
        "A number on training images says nothing about new ones. What came after the best "
        "validation epoch was in vain, and is only undone where the weights kept are those. What "
        "helps is more images: smaller networks, fewer dimensions and weight decay narrow the gap "
        "at the price of a worse ELBO on new images."
    )
    reference = (
        '"On the quantitative analysis of decoder-based generative models" (Wu et al., 2017, '
        'arXiv 1611.04273); "Amortized inference regularization" (Shu et al., 2018, arXiv '
        "1805.08913)"
    )

    needs: ClassVar = {"rate_nats": "a rate"}

    def missing(self, measured: Measurements) -> str | None:
        if len(measured.elbos("valid")) < 2:
            return "fewer than two epochs have a validation ELBO; data.validation holds images out"
        return super().missing(measured)

    def find(self, measured: Measurements) -> Finding | None:
        train, valid = measured.elbos("train"), measured.elbos("valid")
        best, last = max(valid, key=lambda epoch: valid[epoch]), max(valid)
        fallen, risen = valid[best] - valid[last], train[last] - train[best]
        gap, rate = train[best] - valid[best], measured.numbers["rate_nats"].value
        error = measured.value("valid_error_nats") or 0.0
        of_gap = measured.value("gap_error_nats") or 0.0
        turned = fallen >= max(MIN_FALL, FALL_ERRORS * error) and risen > 0
        if not turned and gap < max(MIN_FALL, MAX_GAP * rate, FALL_ERRORS * of_gap):
            return None
        evidence = [f"ELBO at epoch {best}: {train[best]:.2f} nats in training, {valid[best]:.2f} "
                    f"on validation images, {gap:.2f} ± {of_gap:.2g} apart"]  # fmt: skip
        summary = f"validation images are {gap:.1f} nats behind those of the training"
        if turned:
            evidence.append(
                f"from epoch {best} to {last} validation fell by {fallen:.2f} nats while training "
                f"rose by {risen:.2f}"
            )
            summary = f"the validation ELBO has fallen since epoch {best}, by {fallen:.1f} nats"
        remedies: tuple[Remedy, ...] = ()
        if (measured.value("held_out_share") or 0) > MAX_HELD_OUT:
            more = "learns from more of the images, a tenth being held out"
            remedies = (Remedy(("data.validation=null",), more),)
        return Finding(Severity.WARNING, summary, tuple(evidence), remedies)


class Saturation(Diagnosis):
    """A learned scale on its floor, or a distortion made by a few pixels held impossible."""

    name = "a saturated likelihood"
    what = (
        "The likelihood is as sure as it can be: its scale lies on the floor, its density is cut "
        "off at a limit, or its probabilities are 0 and 1."
    )
    why = (
        "On the floor or at the limit the ELBO measures just that. A density of pixels that never "
        "vary has no bound, and one pixel held impossible costs what hundreds of others save."
    )
    reference = (
        '"Leveraging the exact likelihood of deep latent variable models" (Mattei and Frellsen, '
        "2018, arXiv 1802.04826)"
    )

    def missing(self, measured: Measurements) -> str | None:
        looked = ("scale_over_floor", "floor_share", "limit_share", "impossible_share")
        if any(name in measured.numbers for name in looked):
            return None
        return "the likelihood has neither a learned scale nor a limit nor probabilities"

    def find(self, measured: Measurements) -> Finding | None:
        floors, share = measured.value("scale_over_floor"), measured.value("floor_share")
        held_up = measured.scale_ratio or 0.0
        if floors is not None and (floors < FLOOR_RATIO or floors < held_up):
            return _on_the_floor(f"the learned scale is {floors:.3g} times its floor")
        if share is not None and share > MAX_AT_LIMIT:
            return _on_the_floor(f"{share:.0%} of the pixels have their scale on the floor")
        cut = measured.value("limit_share")
        if cut is not None and cut > MAX_AT_LIMIT:
            evidence = f"{cut:.0%} of the pixels have their parameter at the limit"
            summary = "the likelihood's density is that of its limit"
            return Finding(Severity.WARNING, summary, (evidence,), (SPREAD, COUNTED))
        wrong = measured.value("impossible_share")
        if wrong is None or wrong <= MAX_IMPOSSIBLE:
            return None
        return Finding(
            Severity.WARNING,
            f"{wrong:.0%} of the distortion is from pixels held impossible",
            (f"pixels held to be all but impossible make {wrong:.0%} of the distortion",),
            (
                Remedy(
                    ("data.pixels.mode=dynamic",), "draws the pixels anew, so that none is sure"
                ),
                Remedy(("training.keep=best",), "keeps what was not yet as sure"),
            ),
        )  # fmt: skip


COUNTED = Remedy(
    ("data.pixels=levels", "model.likelihood=discretized_logistic"),
    "counts grey levels: a probability, which is never above 1",
)
LOWER = Remedy(("model.likelihood.floor=1e-4",), "lowers the floor, if the pixels do vary")
SPREAD = Remedy(
    ("data.pixels={kind: unit, dequantised: true}", "model.likelihood.limit=0"),
    "spreads the levels, whose density is bounded without a limit",
)


def _on_the_floor(evidence: str) -> Finding:
    summary = "the likelihood's scale lies on its floor"
    return Finding(Severity.WARNING, summary, (evidence,), (LOWER, COUNTED))
