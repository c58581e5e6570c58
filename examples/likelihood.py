"""A likelihood of your own.

vaelab train digits model.likelihood=robust --plugin examples/likelihood.py
"""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.distributions import Distribution, Independent, StudentT

from vaelab.data import Domain
from vaelab.likelihoods import BaseLikelihood, Likelihood, Measure


class RobustPixels(Likelihood):
    """p(x|z) = prod over pixels of a t distribution around what the decoder gives."""

    parameter_names = ("loc",)

    def __init__(self, freedom: float, scale: float) -> None:
        super().__init__()
        self.freedom, self.scale = freedom, scale

    def forward(self, params: Tensor) -> Distribution:
        """The distribution at the decoder's output `(..., c, h, w)`."""
        each = StudentT(
            self.freedom, params, torch.full_like(params, self.scale), validate_args=False
        )
        return Independent(each, 3, validate_args=False)


class RobustConfig(BaseLikelihood):
    """Student's t around each pixel: a few pixels that are far off do not rule the rest."""

    domains: ClassVar[frozenset[Domain]] = frozenset({Domain.UNIT, Domain.SIGNED})
    measure: ClassVar[Measure] = "lebesgue"
    remedy: ClassVar[str] = "use `pixels: unit` or `pixels: signed`"

    kind: Literal["robust"] = "robust"
    freedom: float = Field(default=3.0, gt=2)
    """Degrees of freedom."""
    scale: float = Field(default=0.15, gt=0)
    """In units of the pixels' domain."""

    def build(self, domain: Domain) -> RobustPixels:
        """The module."""
        return RobustPixels(self.freedom, self.scale)
