"""What every metric promises."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from vaelab.data.loading.evaluation import EvalLoader
from vaelab.data.pixels import Domain
from vaelab.models import LatentVariableModel
from vaelab.registry import Axis, Kind


@dataclass(frozen=True)
class Number:
    """A measured number.

    Attributes:
        value: in `unit`.
        unit: of the value.
        estimator: how it was measured.
        standard_error: over images, in the same unit, where it is a mean of one value per image.
    """

    value: float
    unit: str
    estimator: str
    standard_error: float | None = None

    @classmethod
    def mean(cls, values: Tensor, unit: str, estimator: str) -> "Number":
        """The mean of one value per image, `(n,)`, each weighing the same."""
        values = values.double()
        error = values.std() / len(values) ** 0.5 if len(values) > 1 else None
        return cls(values.mean().item(), unit, estimator, None if error is None else error.item())


@dataclass(frozen=True, eq=False)
class PerImage:
    """One value for each image, in their order; its unit, and how they were measured."""

    values: Float[Tensor, " n"]
    unit: str
    estimator: str

    @property
    def number(self) -> Number:
        """Their mean."""
        return Number.mean(self.values, self.unit, self.estimator)


class BaseMetric(Kind, ABC):
    """A model and a split to named numbers; the frozen config is the callable."""

    axis = Axis(
        "metric", "evaluation.metrics",
        "The numbers of a trained model, each with its unit and its estimator.",
        several=True,
    )  # fmt: skip

    needs_flat: ClassVar[bool] = True
    """Whether it is about codes that are one vector."""

    def suits(self, flat: bool, domain: Domain) -> bool:
        """Whether it says something of models of this kind, flat: whose code is one vector."""
        return flat or not self.needs_flat

    def with_samples(self, samples: int) -> "BaseMetric":
        """Itself with another K of its importance weighted bound, where it has one."""
        return self

    @abstractmethod
    def __call__(self, model: LatentVariableModel, loader: EvalLoader) -> dict[str, Number]:
        """Numbers whose names end in their unit where it is nats, for a model in evaluation mode.

        Raises:
            BadCombinationError: it needs a code that is one vector, and the model has none.
        """


class PerImageMetric(BaseMetric):
    """A metric whose numbers are means of one value per image."""

    @abstractmethod
    def per_image(self, model: LatentVariableModel, loader: EvalLoader) -> dict[str, PerImage]:
        """The values by the names of their means, for a model in evaluation mode."""

    def __call__(self, model: LatentVariableModel, loader: EvalLoader) -> dict[str, Number]:
        """The means."""
        return {name: each.number for name, each in self.per_image(model, loader).items()}
