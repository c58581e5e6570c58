"""Objectives: Terms to a scalar to minimise."""

from typing import Annotated

from pydantic import Field

from vaelab.objectives.base import BaseObjective
from vaelab.objectives.elbo import ELBOConfig
from vaelab.objectives.iwae import IWAEConfig

ObjectiveConfig = Annotated[ELBOConfig | IWAEConfig, Field(discriminator="kind")]

__all__ = ["BaseObjective", "ELBOConfig", "IWAEConfig", "ObjectiveConfig"]
