"""Families of distributions, their divergences, and samples as a function of noise."""

from typing import Annotated

from vaelab.distributions.aggregate import log_aggregate, log_others
from vaelab.distributions.family import BasePosterior, Family
from vaelab.distributions.inverse_autoregressive import IAFConfig
from vaelab.distributions.noise import (
    changed,
    closed_form_kl,
    closed_form_kl_per_dim,
    rsample,
    rsample_and_log_prob,
)
from vaelab.distributions.normal import DiagonalNormal, DiagonalNormalConfig, FullNormalConfig
from vaelab.distributions.normal_mixture import (
    NormalMixtureConfig,
    mixture_parameters,
    normal_mixture,
)
from vaelab.distributions.point_mass import PointMass
from vaelab.registry import ONE_OF

PosteriorConfig = Annotated[BasePosterior, ONE_OF]

__all__ = [
    "BasePosterior",
    "DiagonalNormal",
    "DiagonalNormalConfig",
    "Family",
    "FullNormalConfig",
    "IAFConfig",
    "NormalMixtureConfig",
    "PointMass",
    "PosteriorConfig",
    "changed",
    "closed_form_kl",
    "closed_form_kl_per_dim",
    "log_aggregate",
    "log_others",
    "mixture_parameters",
    "normal_mixture",
    "rsample",
    "rsample_and_log_prob",
]
