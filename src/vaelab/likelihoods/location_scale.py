"""Likelihoods with a location per pixel and one scale for all: Gaussian and Laplace."""

from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Distribution, Laplace, Normal

from vaelab.data.pixels import Domain
from vaelab.distributions import SharedScale
from vaelab.likelihoods.base import (
    ON_THE_FLOOR,
    RANGE,
    REAL_DOMAINS,
    BaseLikelihood,
    Likelihood,
    Measure,
)
from vaelab.likelihoods.per_pixel import PerPixelScale

Scale = Annotated[float, Field(gt=0, allow_inf_nan=False)] | Literal["learned", "per_pixel"]


class LocationScale(Likelihood):
    """p(x|z) = prod over pixels of f(x; location, scale), locations from the decoder.

    Args:
        family: `Normal` or `Laplace`.
        scale: a number, or None to learn one for all pixels.
        start: the learned scale's first value.
        floor: the learned scale never falls below it: scale = floor + exp(log_excess).
    """

    parameter_names = ("loc",)

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
        """The scale in units of the pixels' domain."""
        if self.log_excess is None:
            return self.get_buffer("fixed_scale")
        return self.floor + self.log_excess.exp()

    @property
    def at_limit(self) -> bool:
        """Whether the scale lies on its floor."""
        return self.scale.item() < ON_THE_FLOOR * self.floor

    def forward(self, params: Float[Tensor, "... c h w"]) -> Distribution:
        """The distribution whose locations are `params`."""
        return SharedScale(self.family, params, self.scale)


class _LocationScaleConfig(BaseLikelihood):
    domains: ClassVar[frozenset[Domain]] = REAL_DOMAINS
    measure: ClassVar[Measure] = "lebesgue"
    remedy: ClassVar[str] = ""

    scale: Scale = "learned"
    """In units of the pixels' domain: a number or `learned`, for all pixels; or `per_pixel`."""
    floor: float = Field(default=1e-3, gt=0, allow_inf_nan=False)
    """A learned scale stays above this; without it, pixels that never vary let it fall to zero."""

    @property
    def needs_raw(self) -> bool:
        """Where the decoder gives scales."""
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

        p(x|z) = prod over pixels of N(x; loc(z), scale^2)

    A mean squared error plus w times the KL over D pixels is this with scale = sqrt(w D / 2). Use
    it first for grey levels and colours: the learned scale weighs distortion against rate, so that
    beta can stay 1.

    "Simple and effective VAE training with calibrated decoders" (Rybkin et al., 2021, section 3.1,
    arXiv 2006.13202).
    """

    kind: Literal["gaussian"] = "gaussian"

    def build(self, domain: Domain) -> LocationScale | PerPixelScale:
        """The module."""
        return self._module(Normal, domain)


class LaplaceConfig(_LocationScaleConfig):
    """A Laplace density around each pixel with one scale for all: absolute error.

        p(x|z) = prod over pixels of exp(-|x - loc(z)| / scale) / (2 scale)

    A mean absolute error plus w times the KL over D pixels is this with scale = w D. Use it where a
    few pixels that are far off should not rule the rest: it aims at each pixel's median, not its
    mean.

    In a VAE: "Variational mixture-of-experts autoencoders for multi-modal deep generative models"
    (Shi et al., 2019, arXiv 1911.03393).
    """

    kind: Literal["laplace"] = "laplace"

    def build(self, domain: Domain) -> LocationScale | PerPixelScale:
        """The module."""
        return self._module(Laplace, domain)
