"""Objectives: Terms to a scalar to minimise."""

from typing import Annotated

from vaelab.objectives.aggregate import DIPConfig, InfoConfig, TCVAEConfig
from vaelab.objectives.base import BaseObjective, Controls, GivenObjective
from vaelab.objectives.bounds import DReGConfig, ELBOConfig, IWAEConfig, STLConfig
from vaelab.objectives.rates import CapacityConfig, FreeBitsConfig
from vaelab.registry import ONE_OF

ObjectiveConfig = Annotated[BaseObjective, ONE_OF]

__all__ = [
    "BaseObjective",
    "CapacityConfig",
    "Controls",
    "DIPConfig",
    "DReGConfig",
    "ELBOConfig",
    "FreeBitsConfig",
    "GivenObjective",
    "IWAEConfig",
    "InfoConfig",
    "ObjectiveConfig",
    "STLConfig",
    "TCVAEConfig",
]
