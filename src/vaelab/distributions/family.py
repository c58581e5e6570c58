"""Families of distributions: modules that return `torch.distributions` objects."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

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

    def exported_scale(self) -> tuple[tuple[str, Mapping[str, float]], ...] | None:
        """Operations, with their settings, from the second parameter to the scale.

        The first is the location. None where they are not all there is to it: a posterior is not
        exported, a likelihood has no scale per pixel.
        """
        return None

    @abstractmethod
    def forward(self, params: Float[Tensor, "..."]) -> Distribution:
        """The member with these parameters; its arguments are not validated again."""

    def follow(self, distribution: Distribution, value: Float[Tensor, "..."]) -> None:
        """Let running averages, where there are any, follow a batch that was trained on."""


class BasePosterior(Kind, ABC):
    """Settings of the family of q(z|x)."""

    axis = Axis(
        "posterior", "model.posterior",
        "The family of q(z|x), the codes that the encoder thinks likely for an image.",
    )  # fmt: skip

    facts: ClassVar[frozenset[str]] = frozenset()
    """`explicit`: its density is known everywhere, not at its own samples alone; `normal`, so that
    its covariance matrix is at hand; `independent` over dimensions."""

    @abstractmethod
    def build(self, latent: int) -> Family:
        """The family over codes of `latent` dimensions.

        Raises:
            BadCombinationError: there are too few of them.
        """
