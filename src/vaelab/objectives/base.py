"""What every objective promises."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from vaelab.models import Terms
from vaelab.registry import Axis, Kind
from vaelab.schedules import Schedule

Controls = Mapping[str, Float[Tensor, ""]]

NORMAL = frozenset({"diagonal_normal", "full_normal"})
"""Posteriors that are normal: their covariance matrix is at hand."""
EXPLICIT = NORMAL | {"mixture"}
"""Posteriors whose density is known everywhere, not at their own samples alone."""


class BaseObjective(Kind, ABC):
    """Terms to the number that training minimises; the frozen config is the callable."""

    axis = Axis(
        "objective", "objective",
        "What training minimises, in nats per image; every run logs distortion, rate and ELBO "
        "whatever it is.",
    )  # fmt: skip

    models: ClassVar[frozenset[str] | None] = None
    """Kinds of model it can be computed for; None: all."""
    posteriors: ClassVar[frozenset[str] | None] = None
    """Kinds of posterior it can be computed for; None: all."""
    priors: ClassVar[frozenset[str] | None] = None
    """Kinds of prior it can be computed for; None: all."""
    couples: ClassVar[bool] = False
    """Whether it is more than the mean of a number per image, so that it needs the whole batch."""
    alone: ClassVar[bool] = False
    """Whether models have to be trained one by one with it, not as one batched model."""
    linear: ClassVar[bool] = False
    """Whether it is the distortion plus `rate_price` times the rate."""
    holds_rate: ClassVar[bool] = False
    """Whether it says how large the rate is to be."""
    keeps_last: ClassVar[bool] = False
    """Whether the last weights are kept, since its smallest loss does not tell the best ones."""

    @property
    def num_samples(self) -> int:
        """K, posterior samples per image and step."""
        return 1

    @property
    def controls(self) -> Mapping[str, Schedule]:
        """Its settings that change while training, evaluated outside and handed in as tensors."""
        return {name: value for name, value in self if isinstance(value, Schedule)}

    def rate_price(self, controls: Mapping[str, float]) -> float | None:
        """Nats that a nat of rate costs in it; None: parts of the rate have prices of their own.

        Args:
            controls: the settings that change.
        """
        return 1.0

    @abstractmethod
    def __call__(self, terms: Terms, controls: Controls) -> Float[Tensor, ""]:
        """The loss in nats per image, averaged over the batch.

        Args:
            terms: of a batch.
            controls: the settings that change, and `images`: how many there are to train on.
        """
