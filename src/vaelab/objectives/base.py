"""What every objective promises."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor

from vaelab.config import Config
from vaelab.models import Terms
from vaelab.schedules import Schedule


class BaseObjective(Config, ABC):
    """Terms to the number that training minimises; the frozen config is the callable."""

    @property
    @abstractmethod
    def num_samples(self) -> int:
        """K, posterior samples per image and step."""

    @property
    def controls(self) -> Mapping[str, Schedule]:
        """Its settings that change while training, evaluated outside and handed in as tensors."""
        return {}

    @abstractmethod
    def __call__(
        self, terms: Terms, controls: Mapping[str, Float[Tensor, ""]]
    ) -> Float[Tensor, ""]:
        """The loss in nats per image, averaged over the batch."""
