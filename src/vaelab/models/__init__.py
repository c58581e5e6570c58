"""Models: what ties encoder, decoder and prior together."""

from vaelab.models.base import FlatLatent, LatentVariableModel, NetworkDistribution
from vaelab.models.terms import Level, Terms
from vaelab.models.vae import VAE, Condition, VAEConfig

ModelConfig = VAEConfig

__all__ = [
    "VAE",
    "Condition",
    "FlatLatent",
    "LatentVariableModel",
    "Level",
    "ModelConfig",
    "NetworkDistribution",
    "Terms",
    "VAEConfig",
]
