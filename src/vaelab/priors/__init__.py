"""Priors p(z): where codes come from."""

from typing import Annotated

from vaelab.priors.base import BasePrior, Encode, Prior
from vaelab.priors.flow import FlowConfig, FlowPrior
from vaelab.priors.grid import BaseGridPrior, PixelCNN, PixelCNNConfig, UniformConfig
from vaelab.priors.normal import (
    ClassConditionalConfig,
    ClassConditionalPrior,
    MixtureConfig,
    MixturePrior,
    StandardNormal,
    StandardNormalConfig,
)
from vaelab.priors.vamp import VampConfig, VampPrior
from vaelab.registry import ONE_OF

PriorConfig = Annotated[BasePrior, ONE_OF]

GridPriorConfig = Annotated[BaseGridPrior, ONE_OF]
"""Of a grid of codes."""

__all__ = [
    "BaseGridPrior",
    "BasePrior",
    "ClassConditionalConfig",
    "ClassConditionalPrior",
    "Encode",
    "FlowConfig",
    "FlowPrior",
    "GridPriorConfig",
    "MixtureConfig",
    "MixturePrior",
    "PixelCNN",
    "PixelCNNConfig",
    "Prior",
    "PriorConfig",
    "StandardNormal",
    "StandardNormalConfig",
    "UniformConfig",
    "VampConfig",
    "VampPrior",
]
