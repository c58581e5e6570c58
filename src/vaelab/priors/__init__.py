"""Priors p(z): where codes come from."""

from typing import Annotated

from pydantic import Field

from vaelab.priors.base import BasePrior, Prior
from vaelab.priors.class_conditional import ClassConditionalConfig, ClassConditionalPrior
from vaelab.priors.flow import FlowConfig, FlowPrior
from vaelab.priors.grid import BaseGridPrior, UniformConfig
from vaelab.priors.mixture import MixtureConfig, MixturePrior
from vaelab.priors.pixelcnn import PixelCNN, PixelCNNConfig
from vaelab.priors.standard_normal import StandardNormal, StandardNormalConfig
from vaelab.priors.vamp import VampConfig, VampPrior

PriorConfig = Annotated[
    StandardNormalConfig | MixtureConfig | VampConfig | FlowConfig | ClassConditionalConfig,
    Field(discriminator="kind"),
]

GridPriorConfig = Annotated[UniformConfig | PixelCNNConfig, Field(discriminator="kind")]
"""Of a grid of codes."""

__all__ = [
    "BaseGridPrior",
    "BasePrior",
    "ClassConditionalConfig",
    "ClassConditionalPrior",
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
