"""A likelihood at its limit: a scale on its floor, or certainty that is wrong."""

from typing import ClassVar

from vaelab.doctor.base import Chart, Diagnosis, Finding, Severity, Try

FLOOR = 1.1
"""A learned scale within this factor of its floor lies on it; so does one whose errors are less."""
ON_THE_FLOOR = 0.1
"""Share of the pixels whose own scale may, or whose own density is cut off."""
CERTAIN = 0.2
"""Share of the distortion that may come from pixels held to be all but impossible."""


class Saturation(Diagnosis):
    """A learned scale on its floor, or a distortion made by a few pixels held impossible."""

    name: ClassVar[str] = "a saturated likelihood"
    what: ClassVar[str] = (
        "The likelihood is as sure as it can be: its scale lies on the floor, its density is cut "
        "off at a limit, or its probabilities are 0 and 1."
    )
    why: ClassVar[str] = (
        "On the floor or at the limit the ELBO measures just that. A density of pixels that never "
        "vary has no bound, and one pixel held impossible costs what hundreds of others save."
    )
    reference: ClassVar[str] = (
        '"Leveraging the exact likelihood of deep latent variable models" (Mattei and Frellsen, '
        "2018, arXiv 1802.04826)"
    )

    def missing(self, chart: Chart) -> str | None:
        """It needs a likelihood with a floor or a limit, or with probabilities."""
        looked = ("scale_over_floor", "floor_share", "limit_share", "impossible_share")
        if any(name in chart.numbers for name in looked):
            return None
        return "the likelihood has neither a learned scale nor a limit nor probabilities"

    def find(self, chart: Chart) -> Finding | None:
        """Whichever limit it is at."""
        ratio, share = chart.value("scale_over_floor"), chart.value("floor_share")
        if ratio is not None and (ratio < FLOOR or _held_up(chart, ratio)):
            return _on_the_floor(f"the learned scale is {ratio:.3g} times its floor")
        if share is not None and share > ON_THE_FLOOR:
            return _on_the_floor(f"{share:.0%} of the pixels have their scale on the floor")
        cut = chart.value("limit_share")
        if cut is not None and cut > ON_THE_FLOOR:
            return _at_the_limit(f"{cut:.0%} of the pixels have their parameter at the limit")
        wrong = chart.value("impossible_share")
        if wrong is None or wrong <= CERTAIN:
            return None
        return Finding(
            Severity.WARNING,
            f"{wrong:.0%} of the distortion is from pixels held impossible",
            (f"pixels held to be all but impossible make {wrong:.0%} of the distortion",),
            (
                Try(("training.optimizer.learning_rate=5e-4",), "takes smaller steps"),
                Try(("data.pixels.mode=dynamic",), "draws the pixels anew, so that none is sure"),
            ),
        )  # fmt: skip


def _held_up(chart: Chart, ratio: float) -> bool:
    scale, implied = chart.value("gaussian_scale"), chart.value("implied_gaussian_scale")
    return scale is not None and implied is not None and implied < scale / ratio


def _on_the_floor(evidence: str) -> Finding:
    return Finding(
        Severity.WARNING,
        "the likelihood's scale lies on its floor",
        (evidence,),
        (
            Try(("model.likelihood.floor=1e-4",), "lowers the floor, if the pixels do vary"),
            Try(("data.pixels=levels", "model.likelihood=discretized_logistic"),
                "counts grey levels: a probability, which is never above 1"),
        ),
    )  # fmt: skip


def _at_the_limit(evidence: str) -> Finding:
    return Finding(
        Severity.WARNING,
        "the likelihood's density is that of its limit",
        (evidence,),
        (
            Try(("data.pixels={kind: unit, dequantised: true}", "model.likelihood.limit=0"),
                "spreads the levels, whose density is bounded without a limit"),
            Try(("data.pixels=levels", "model.likelihood=discretized_logistic"),
                "counts grey levels: a probability, which is never above 1"),
        ),
    )  # fmt: skip
