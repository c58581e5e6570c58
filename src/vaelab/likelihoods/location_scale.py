"""Likelihoods with a location per pixel, and a scale for all or for each: Gaussian and Laplace."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from math import log, pi
from typing import Annotated, ClassVar, Literal, cast

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Laplace, Normal
from torch.nn.functional import l1_loss, mse_loss

from vaelab.data.pixels import Domain
from vaelab.distributions.normal import soft_bound
from vaelab.likelihoods.base import RANGE, REAL_DOMAINS, BaseLikelihood, Likelihood, Measure, Share

LOG_SCALE_BOUND = 10.0
ON_THE_FLOOR = 1.1
"""A learned scale within this factor of its floor lies on it."""
NEAR_FLOOR = 2.0
"""A scale below so many floors is near its floor."""


class SharedScale(Independent[Normal | Laplace]):
    """A product over D pixels whose density needs one sum over them, not one formula for each."""

    def __init__(
        self,
        family: type[Normal] | type[Laplace],
        loc: Float[Tensor, "... c h w"],
        scale: Float[Tensor, ""],
    ) -> None:
        super().__init__(family(loc, scale, validate_args=False), 3, validate_args=False)
        self._loc, self._scale = loc, scale

    def log_prob(self, value: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The log density, nats, `(...)`."""
        pixels = self.event_shape.numel()
        value, loc = torch.broadcast_tensors(  # type: ignore[no-untyped-call]
            value, self._loc.to(value.dtype)
        )
        if isinstance(self.base_dist, Normal):
            # log p = -||x - loc||^2 / (2 s^2) - D (log s + 1/2 log 2 pi)
            distance = mse_loss(loc, value, reduction="none").flatten(-3).sum(-1)
            return -distance / (2 * self._scale**2) - pixels * (self._scale.log() + log(2 * pi) / 2)
        # log p = -||x - loc||_1 / s - D log 2 s
        distance = l1_loss(loc, value, reduction="none").flatten(-3).sum(-1)
        return -distance / self._scale - pixels * (2 * self._scale).log()


class PerPixelScale(Likelihood):
    """p(x|z) = prod over pixels of f(x; location, scale), both from the decoder.

    scale = floor + (start - floor) exp(output), the output softly bounded to +-10.
    """

    parameter_names = ("loc", "log_scale")

    def __init__(self, family: type[Normal] | type[Laplace], start: float, floor: float) -> None:
        super().__init__()
        self.family, self.start, self.floor = family, start, floor

    def forward(self, params: Float[Tensor, "... c h w"]) -> Distribution:
        """The distribution: locations in the first half of the channels, scales in the second."""
        loc, spread = params.chunk(2, dim=-3)
        scale = self.floor + (self.start - self.floor) * torch.exp(
            soft_bound(spread, LOG_SCALE_BOUND)
        )
        return Independent(self.family(loc, scale, validate_args=False), 3, validate_args=False)

    def exported_mean(self) -> str:
        return "identity"

    def exported_scale(self) -> tuple[tuple[str, Mapping[str, float]], ...]:
        return (
            ("soft_bound", {"bound": LOG_SCALE_BOUND}),
            ("times", {"factor": 2.0}), ("exp_half", {}),
            ("times", {"factor": self.start - self.floor}), ("abs_plus", {"floor": self.floor}),
        )  # fmt: skip

    def at_limit_share(self, decoded: Distribution, x: Float[Tensor, "b c h w"]) -> Share:
        scale = cast(Independent[Normal | Laplace], decoded).base_dist.scale
        part = (scale < NEAR_FLOOR * self.floor).sum().item()
        return Share("floor_share", part, scale.numel())


Scale = Annotated[float, Field(gt=0, allow_inf_nan=False)] | Literal["learned", "per_pixel"]


class OneScale(Likelihood, ABC):
    """Locations from the decoder, and one scale for all pixels."""

    parameter_names = ("loc",)

    @property
    @abstractmethod
    def scale(self) -> Float[Tensor, ""]:
        """The scale, in units of the pixels' domain."""

    def shared_scale(self) -> Float[Tensor, ""]:
        return self.scale

    def exported_mean(self) -> str:
        return "identity"

    @property
    def at_limit(self) -> bool:
        return self.scale.item() < ON_THE_FLOOR * self.floor


class LocationScale(OneScale):
    """p(x|z) = prod over pixels of f(x; location, scale), locations from the decoder.

    The scale is a number, or learned: scale = floor + exp(log_excess), and `start` at first.
    """

    def __init__(
        self, family: type[Normal] | type[Laplace], scale: float | None, start: float, floor: float
    ) -> None:
        super().__init__()
        self.family = family
        self.floor = floor
        self.log_excess = None
        if scale is None:
            self.log_excess = nn.Parameter(torch.tensor(start - floor).log())
        else:
            self.register_buffer("fixed_scale", torch.tensor(scale))

    @property
    def scale(self) -> Float[Tensor, ""]:
        if self.log_excess is None:
            return self.get_buffer("fixed_scale")
        return self.floor + self.log_excess.exp()

    @property
    def learns_scale(self) -> bool:
        return self.log_excess is not None

    def gaussian_scale(self) -> Float[Tensor, ""] | None:
        return self.scale if self.family is Normal else None

    def forward(self, params: Float[Tensor, "... c h w"]) -> Distribution:
        return SharedScale(self.family, params, self.scale)


class _LocationScaleConfig(BaseLikelihood):
    domains: ClassVar[frozenset[Domain]] = REAL_DOMAINS
    measure: ClassVar[Measure] = "lebesgue"
    remedy: ClassVar[str] = ""

    scale: Scale = "learned"
    """Scale in the pixels' units: a number or `learned`, for all pixels; or `per_pixel`."""
    floor: float = Field(default=1e-3, gt=0, allow_inf_nan=False)
    """Lower bound of a learned scale, which pixels that never vary would let fall to zero."""

    @property
    def needs_raw(self) -> bool:
        return self.scale == "per_pixel"

    @property
    def limit_words(self) -> str:
        """The floor of a scale that is learned; a fixed one is the model's own."""
        if self.scale == "per_pixel":
            return f"scales per pixel, at least {self.floor:g}"
        return f"scale at least {self.floor:g}" if self.scale == "learned" else ""

    def _module(
        self, family: type[Normal] | type[Laplace], domain: Domain
    ) -> LocationScale | PerPixelScale:
        start = max(RANGE[domain] / 4, 2 * self.floor)
        if self.scale == "per_pixel":
            return PerPixelScale(family, start, self.floor)
        return LocationScale(
            family, None if self.scale == "learned" else self.scale, start, self.floor
        )


class GaussianConfig(_LocationScaleConfig):
    """A Gaussian around each pixel with one scale for all: squared error that knows its weight.

    A mean squared error plus w times the KL over D pixels is this with scale = sqrt(w D / 2).
    """

    formula = "p(x|z) = prod over pixels of N(x; loc(z), scale^2)"
    advice = """Use it first for grey levels and colours: the learned scale weighs distortion
        against rate, so that beta can stay 1."""
    references = """
        "Simple and effective VAE training with calibrated decoders" (Rybkin et al., 2021, section
        3.1, arXiv 2006.13202)"""

    kind: Literal["gaussian"] = "gaussian"

    def build(self, domain: Domain) -> LocationScale | PerPixelScale:
        return self._module(Normal, domain)


class LaplaceConfig(_LocationScaleConfig):
    """A Laplace density around each pixel with one scale for all: absolute error.

    A mean absolute error plus w times the KL over D pixels is this with scale = w D.
    """

    formula = "p(x|z) = prod over pixels of exp(-|x - loc(z)| / scale) / (2 scale)"
    advice = """Use it where a few pixels that are far off should not rule the rest: it aims at each
        pixel's median, not its mean."""
    references = """
        In a VAE: "Variational mixture-of-experts autoencoders for multi-modal deep generative
        models" (Shi et al., 2019, arXiv 1911.03393)"""

    kind: Literal["laplace"] = "laplace"

    def build(self, domain: Domain) -> LocationScale | PerPixelScale:
        return self._module(Laplace, domain)
