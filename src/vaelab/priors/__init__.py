"""Priors p(z): where codes come from."""

from typing import Annotated

from pydantic import Field

from vaelab.priors.base import BasePrior, Prior
from vaelab.priors.class_conditional import ClassConditionalConfig, ClassConditionalPrior
from vaelab.priors.flow import FlowConfig, FlowPrior
from vaelab.priors.mixture import MixtureConfig, MixturePrior
from vaelab.priors.standard_normal import StandardNormal, StandardNormalConfig
from vaelab.priors.vamp import VampConfig, VampPrior

PriorConfig = Annotated[
    StandardNormalConfig | MixtureConfig | VampConfig | FlowConfig | ClassConditionalConfig,
    Field(discriminator="kind"),
]

__all__ = [
    "BasePrior",
    "ClassConditionalConfig",
    "ClassConditionalPrior",
    "FlowConfig",
    "FlowPrior",
    "MixtureConfig",
    "MixturePrior",
    "Prior",
    "PriorConfig",
    "StandardNormal",
    "StandardNormalConfig",
    "VampConfig",
    "VampPrior",
]
