"""Families of distributions, their divergences, and samples as a function of noise."""

from vaelab.distributions.divergence import closed_form_kl, closed_form_kl_per_dim
from vaelab.distributions.family import ConditionalDistribution, Family
from vaelab.distributions.noise import rsample
from vaelab.distributions.normal import DiagonalNormal, DiagonalNormalConfig
from vaelab.distributions.shared_scale import SharedScale

PosteriorConfig = DiagonalNormalConfig

__all__ = [
    "ConditionalDistribution",
    "DiagonalNormal",
    "DiagonalNormalConfig",
    "Family",
    "PosteriorConfig",
    "SharedScale",
    "closed_form_kl",
    "closed_form_kl_per_dim",
    "rsample",
]
