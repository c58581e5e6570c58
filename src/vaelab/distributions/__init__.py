"""Families of distributions, their divergences, and samples as a function of noise."""

from typing import Annotated

from vaelab.distributions.aggregate import log_aggregate, log_others
from vaelab.distributions.divergence import closed_form_kl, closed_form_kl_per_dim
from vaelab.distributions.family import BasePosterior, ConditionalDistribution, Family
from vaelab.distributions.full_normal import FullNormal, FullNormalConfig
from vaelab.distributions.inverse_autoregressive import IAFConfig, InverseAutoregressive
from vaelab.distributions.noise import changed, rsample
from vaelab.distributions.normal import DiagonalNormal, DiagonalNormalConfig
from vaelab.distributions.normal_mixture import (
    NormalMixture,
    NormalMixtureConfig,
    mixture_parameters,
    normal_mixture,
)
from vaelab.distributions.point_mass import PointMass
from vaelab.distributions.shared_scale import SharedScale
from vaelab.registry import ONE_OF

PosteriorConfig = Annotated[BasePosterior, ONE_OF]

__all__ = [
    "BasePosterior",
    "ConditionalDistribution",
    "DiagonalNormal",
    "DiagonalNormalConfig",
    "Family",
    "FullNormal",
    "FullNormalConfig",
    "IAFConfig",
    "InverseAutoregressive",
    "NormalMixture",
    "NormalMixtureConfig",
    "PointMass",
    "PosteriorConfig",
    "SharedScale",
    "changed",
    "closed_form_kl",
    "closed_form_kl_per_dim",
    "log_aggregate",
    "log_others",
    "mixture_parameters",
    "normal_mixture",
    "rsample",
]
