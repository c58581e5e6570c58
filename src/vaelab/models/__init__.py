"""Models: what ties encoder, decoder and prior together."""

from typing import Annotated

from vaelab.models.base import (
    BaseModel,
    ConditionalDistribution,
    Explorable,
    FlatLatent,
    LatentVariableModel,
    OneLevel,
    as_flat,
    likelihood_of,
)
from vaelab.models.ends import Condition
from vaelab.models.given import GivenModel
from vaelab.models.hierarchical import HierarchicalConfig, HierarchicalVAE
from vaelab.models.terms import Level, Terms
from vaelab.models.vae import VAE, VAEConfig
from vaelab.models.vq import VQVAE, VQConfig
from vaelab.registry import ONE_OF

ModelConfig = Annotated[BaseModel, ONE_OF]

__all__ = [
    "VAE",
    "VQVAE",
    "BaseModel",
    "Condition",
    "ConditionalDistribution",
    "Explorable",
    "FlatLatent",
    "GivenModel",
    "HierarchicalConfig",
    "HierarchicalVAE",
    "LatentVariableModel",
    "Level",
    "ModelConfig",
    "OneLevel",
    "Terms",
    "VAEConfig",
    "VQConfig",
    "as_flat",
    "likelihood_of",
]
