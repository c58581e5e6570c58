"""Families and conditional distributions: modules that return `torch.distributions` objects."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaelab.registry import Axis, Kind


class Family(nn.Module, ABC):
    """A family of distributions: from unconstrained parameters to one member."""

    parameter_names: tuple[str, ...]
    __call__: Callable[..., Distribution]

    def sizes(self, features: int) -> list[int]:
        """How many numbers each parameter has where an event has `features` values."""
        return [features] * len(self.parameter_names)

    def params_size(self, features: int) -> int:
        """How many numbers describe the distribution of an event of `features` values."""
        return sum(self.sizes(features))

    @abstractmethod
    def forward(self, params: Float[Tensor, "..."]) -> Distribution:
        """The member with these parameters; its arguments are not validated again."""


class BasePosterior(Kind, ABC):
    """Settings of the family of q(z|x)."""

    axis = Axis(
        "posterior", "model.posterior",
        "The family of q(z|x), the codes that the encoder thinks likely for an image.",
    )  # fmt: skip

    @abstractmethod
    def build(self, latent: int) -> Family:
        """The family over codes of `latent` dimensions.

        Raises:
            BadCombinationError: there are too few of them.
        """


class ConditionalDistribution(nn.Module, ABC):
    """A distribution that depends on something: q(z|x,c), p(x|z,c), p(z|c)."""

    __call__: Callable[..., Distribution]

    @abstractmethod
    def forward(
        self, given: Float[Tensor, "..."], context: Float[Tensor, "..."] | None = None
    ) -> Distribution:
        """The distribution at `given`, with one-hot classes as `context` where it is conditional.

        Raises:
            TypeError: the distribution is conditional and no context was given.
        """
