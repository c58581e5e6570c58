"""Priors p(z): where codes come from."""

from typing import Annotated

from vaelab.priors.base import BasePrior, Encode, Prior
from vaelab.priors.flow import FlowConfig
from vaelab.priors.grid import BaseGridPrior, PixelCNNConfig, UniformConfig
from vaelab.priors.normal import ClassConditionalConfig, MixtureConfig, StandardNormalConfig
from vaelab.priors.vamp import VampConfig, VampPrior
from vaelab.registry import ONE_OF

PriorConfig = Annotated[BasePrior, ONE_OF]

GridPriorConfig = Annotated[BaseGridPrior, ONE_OF]
"""Of a grid of codes."""

__all__ = [
    "BaseGridPrior",
    "BasePrior",
    "ClassConditionalConfig",
    "Encode",
    "FlowConfig",
    "GridPriorConfig",
    "MixtureConfig",
    "PixelCNNConfig",
    "Prior",
    "PriorConfig",
    "StandardNormalConfig",
    "UniformConfig",
    "VampConfig",
    "VampPrior",
]
