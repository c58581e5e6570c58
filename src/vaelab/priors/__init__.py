"""Priors p(z): where codes come from."""

from typing import Annotated

from pydantic import Field

from vaelab.priors.base import BasePrior, Prior
from vaelab.priors.standard_normal import StandardNormal, StandardNormalConfig
from vaelab.priors.vamp import VampConfig, VampPrior

PriorConfig = Annotated[StandardNormalConfig | VampConfig, Field(discriminator="kind")]

__all__ = [
    "BasePrior",
    "Prior",
    "PriorConfig",
    "StandardNormal",
    "StandardNormalConfig",
    "VampConfig",
    "VampPrior",
]
