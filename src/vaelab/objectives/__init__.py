"""Objectives: Terms to a scalar to minimise."""

from typing import Annotated

from vaelab.objectives.base import BaseObjective, Controls
from vaelab.objectives.capacity import CapacityConfig
from vaelab.objectives.dip import DIPConfig
from vaelab.objectives.dreg import DReGConfig
from vaelab.objectives.elbo import ELBOConfig
from vaelab.objectives.free_bits import FreeBitsConfig
from vaelab.objectives.info import InfoConfig
from vaelab.objectives.iwae import IWAEConfig
from vaelab.objectives.stl import STLConfig
from vaelab.objectives.tcvae import TCVAEConfig
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
    "IWAEConfig",
    "InfoConfig",
    "ObjectiveConfig",
    "STLConfig",
    "TCVAEConfig",
]
