"""Overfitting: the training images get likelier, the others do not."""

from typing import ClassVar

from vaelab.doctor.base import Chart, Diagnosis, Finding, Severity, Try, absent

WORTH = 1.0
"""Nats by which the validation ELBO has fallen before it counts."""
ERRORS = 3.0
"""And standard errors, since the validation images may happen to be the harder ones."""
WIDE = 0.3
"""A gap between training and validation of this share of the rate counts too."""


class Overfitting(Diagnosis):
    """A validation ELBO that turned while that of training rose, or a wide gap between them."""

    name: ClassVar[str] = "overfitting"
    what: ClassVar[str] = (
        "The networks learn the training images by heart: their ELBO rises, that of images they "
        "have not seen falls behind."
    )
    why: ClassVar[str] = (
        "A number on training images says nothing about new ones. What came after the best "
        "validation epoch was in vain, and is only undone where the weights kept are those."
    )
    reference: ClassVar[str] = (
        '"On the quantitative analysis of decoder-based generative models" (Wu et al., 2017, '
        'arXiv 1611.04273); "Amortized inference regularization" (Shu et al., 2018, arXiv '
        "1805.08913)"
    )

    def missing(self, chart: Chart) -> str | None:
        """It needs validation images in more than one epoch."""
        if len(chart.elbos("valid")) < 2:
            return "fewer than two epochs have a validation ELBO; data.validation holds images out"
        return absent(chart, "rate_nats")

    def find(self, chart: Chart) -> Finding | None:
        """The turn, or the gap."""
        train, valid = chart.elbos("train"), chart.elbos("valid")
        best, last = max(valid, key=lambda epoch: valid[epoch]), max(valid)
        fallen, risen = valid[best] - valid[last], train[last] - train[best]
        gap, rate = train[best] - valid[best], chart.numbers["rate_nats"].value
        error = chart.value("valid_error_nats") or 0.0
        of_gap = chart.value("gap_error_nats") or 0.0
        turned = fallen >= max(WORTH, ERRORS * error) and risen > 0
        if not turned and gap < max(WORTH, WIDE * rate, ERRORS * of_gap):
            return None
        evidence = [f"ELBO at epoch {best}: {train[best]:.2f} nats in training, {valid[best]:.2f} "
                    f"on validation images, {gap:.2f} ± {of_gap:.2g} apart"]  # fmt: skip
        summary = f"validation images are {gap:.1f} nats behind those of the training"
        tries = [
            Try(("model.encoder.widths=[64]", "model.decoder=null"),
                "has less to learn by heart with"),
        ]  # fmt: skip
        if dimensions := chart.value("latent_dimensions"):
            half = f"model.latent={max(1, int(dimensions) // 2)}"
            tries.append(Try((half,), "tells less of each image"))
        if turned:
            evidence.append(
                f"from epoch {best} to {last} validation fell by {fallen:.2f} nats while training "
                f"rose by {risen:.2f}"
            )
            summary = f"the validation ELBO has fallen since epoch {best}, by {fallen:.1f} nats"
            tries.insert(0, Try((f"training.epochs={best}",), "stops where validation was best"))
        return Finding(Severity.WARNING, summary, tuple(evidence), tuple(tries))
