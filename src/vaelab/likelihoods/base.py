"""What every likelihood p(x|z) promises."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from vaelab.data.pixels import Domain
from vaelab.distributions import Family
from vaelab.errors import BadCombinationError
from vaelab.registry import Axis, Kind

Measure = Literal["counting", "lebesgue"]
ON_THE_FLOOR = 1.1
"""A learned scale within this factor of its floor lies on it."""


class Likelihood(Family, ABC):
    """A family over images: parameters `(..., channels * k, h, w)` to p(x|z), event `(c, h, w)`."""

    @property
    def at_limit(self) -> bool:
        """Whether what bounds its density, where its settings name that, makes its numbers."""
        return True


class BaseLikelihood(Kind, ABC):
    """Settings of a likelihood, with the pixels it is defined on."""

    axis = Axis(
        "likelihood", "model.likelihood",
        "The family of p(x|z), the images that the decoder thinks likely for a code.",
    )  # fmt: skip

    domains: ClassVar[frozenset[Domain]]
    """Pixel domains it is a likelihood on."""
    measure: ClassVar[Measure]
    """What its density is taken against; bits per dimension make sense for `counting` only."""
    remedy: ClassVar[str]
    """What to do when the domain is another."""

    raw: ClassVar[bool] = False
    """Whether its parameters have to be any real numbers, so that no activation may bound them."""

    @property
    def needs_raw(self) -> bool:
        """`raw`, or because of a setting."""
        return self.raw

    @property
    def limit_words(self) -> str:
        """What bounds its density where pixels leave it unbounded, so that nats depend on it.

        Numbers under different limits are not comparable; empty where there is none.
        """
        return ""

    @abstractmethod
    def build(self, domain: Domain) -> Likelihood:
        """The module; `domain` tells the range its scale starts from."""

    def check(self, domain: Domain) -> None:
        """Refuse pixels on which it is no likelihood.

        Raises:
            BadCombinationError: with what to write instead.
        """
        if domain not in self.domains:
            needed = " or ".join(f"`{allowed}`" for allowed in sorted(self.domains))
            kind = type(self).model_fields["kind"].default
            raise BadCombinationError(
                f"likelihood `{kind}` needs pixels that are {needed}, but data.pixels is "
                f"`{domain}`; {self.remedy}"
            )


REAL_DOMAINS = frozenset(Domain)
"""Densities on the real line take any pixels."""

RANGE = {Domain.UNIT: 1.0, Domain.SIGNED: 2.0, Domain.BINARY: 1.0, Domain.LEVELS: 255.0}
"""Largest minus smallest pixel value."""
