"""The seed's loss as a negative ELBO."""

from dataclasses import dataclass
from math import sqrt
from typing import Literal

from vaelab.seed.keys import ModelParams, TrainParams, image_side

ADAM_EPS = 1e-8
"""The seed's Adam has torch's default."""
WEIGHT_WITHOUT_KL = 1e-5
"""Where the seed has no KL term, the likelihood is that of its other configs."""


@dataclass(frozen=True)
class Loss:
    """The seed's loss, mean error over D pixels + w KL, as w times a negative ELBO in nats.

    (1/D) sum (x - y)^2 + w KL = w (sum (x - y)^2 / (2 scale^2) + KL),  scale^2 = w D / 2
    (1/D) sum |x - y|   + w KL = w (sum |x - y| / scale + KL),          scale = w D

    Attributes:
        likelihood: what the error of a pixel comes from.
        pixels: D, channels included.
        weight: w.
        beta: 1, or 0 where the seed has no KL.
    """

    likelihood: Literal["gaussian", "laplace"]
    pixels: int
    weight: float
    beta: float

    @classmethod
    def of(cls, model: ModelParams, training: TrainParams) -> "Loss":
        """That of a seed config."""
        side = image_side(model)
        return cls(
            "gaussian" if training.crit == "l2" else "laplace",
            model.transposebn_channels[-1] * side * side,
            training.kl_weight or WEIGHT_WITHOUT_KL,
            1.0 if training.kl_weight else 0.0,
        )

    @property
    def scale(self) -> float:
        """The likelihood's, in units of signed pixels."""
        product = self.weight * self.pixels
        return _rounded(sqrt(product / 2) if self.likelihood == "gaussian" else product)

    @property
    def eps(self) -> float:
        """Adam's, for the loss in nats."""
        # Adam's eps has the unit of a gradient, and the loss in nats is 1/w times the seed's
        return _rounded(ADAM_EPS / self.weight)


def _rounded(value: float) -> float:
    """Six digits: nearly what float32 has, and no more to read."""
    return float(f"{value:.6g}")
