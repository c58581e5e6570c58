"""What every likelihood p(x|z) promises."""

from abc import ABC, abstractmethod
from math import log
from typing import ClassVar, Literal, NamedTuple

from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaelab.data.pixels import Domain
from vaelab.distributions import Family
from vaelab.errors import BadCombinationError
from vaelab.networks.layers import Activation
from vaelab.registry import Axis, Kind

Measure = Literal["counting", "lebesgue"]
IMPOSSIBLE = 1e-3
"""Times the probability that each of the values would have by itself: hardly possible."""


class Share(NamedTuple):
    """How much of something is at a limit: a part, the whole, and the name of their quotient."""

    name: str
    part: float
    whole: float


class Likelihood(Family, ABC):
    """A family over images: parameters `(..., channels * k, h, w)` to p(x|z), event `(c, h, w)`."""

    floor: float = 0.0
    """What no scale falls below."""

    def shared_scale(self) -> Float[Tensor, ""] | None:
        """The one scale of all pixels, in units of their domain; None where there is none."""
        return None

    @property
    def learns_scale(self) -> bool:
        """Whether the one scale is learned, and so may come near its floor."""
        return self.shared_scale() is not None

    def gaussian_scale(self) -> Float[Tensor, ""] | None:
        """The one scale, if the density is normal."""
        return None

    def initial_bias(self, mean: Float[Tensor, "c h w"]) -> Float[Tensor, "c h w"] | None:
        """Parameters under which every image is the mean one, in [0, 1]; None: it has none."""
        return None

    def exported_mean(self) -> str | None:
        """The operation of an exported graph from the parameters to the mean; None: not exported.

        `identity` where the parameters are the mean. Where `exported_scale` says how a scale per
        pixel is made, it is from the first half of the channels, and that from the second.
        """
        return None

    def at_limit_share(self, decoded: Distribution, x: Float[Tensor, "b c h w"]) -> Share | None:
        """How much of the density its limits make, at one sample of each image's code.

        `floor_share` of the pixels have less than twice the smallest scale; `limit_share` have a
        density that is cut off; `impossible_share` of the distortion comes from pixels that are
        hardly possible. None where there is nothing to say.
        """
        return None

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
    output_activation: ClassVar[Activation | None] = None
    """The decoder's, where its range is that of the parameters; None: that of the pixels."""

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


def impossible_share(log_p: Tensor, values: int) -> Share:
    """The share of the distortion that hardly possible pixels make, of so many possible values."""
    nats = -log_p.double()
    part = nats[nats > log(values / IMPOSSIBLE)].sum().item()
    return Share("impossible_share", part, nats.sum().item())


REAL_DOMAINS = frozenset(Domain)
"""Densities on the real line take any pixels."""

RANGE = {
    Domain.UNIT: 1.0, Domain.SIGNED: 2.0, Domain.BINARY: 1.0, Domain.LEVELS: 255.0,
    Domain.REAL: 4.0,
}  # fmt: skip
"""Largest minus smallest pixel value; of real numbers, for a start, as if of unit variance."""


class GivenLikelihood(BaseLikelihood):
    """A module of Python's, which a config can name and not make."""

    domains = REAL_DOMAINS
    remedy = ""

    kind: Literal["given"] = "given"
    made_of: str = ""
    """Its class."""
    discrete: bool = False
    """Whether it gives probabilities rather than densities."""

    @property
    def measure(self) -> Measure:  # type: ignore[override]
        """`counting` where it is discrete."""
        return "counting" if self.discrete else "lebesgue"

    def build(self, domain: Domain) -> Likelihood:
        raise BadCombinationError(
            f"the likelihood is {self.made_of}, given as an object, which no config can make"
        )
