"""Likelihoods p(x|z): what the decoder's output means."""

from typing import Annotated

from vaelab.likelihoods.base import BaseLikelihood, GivenLikelihood, Likelihood, Measure
from vaelab.likelihoods.bernoulli import BernoulliConfig, ContinuousBernoulliConfig
from vaelab.likelihoods.levels import CategoricalConfig, DiscretizedLogisticConfig
from vaelab.likelihoods.location_scale import GaussianConfig, LaplaceConfig
from vaelab.likelihoods.optimal_gaussian import OptimalGaussianConfig
from vaelab.registry import ONE_OF

LikelihoodConfig = Annotated[BaseLikelihood, ONE_OF]

__all__ = [
    "BaseLikelihood",
    "BernoulliConfig",
    "CategoricalConfig",
    "ContinuousBernoulliConfig",
    "DiscretizedLogisticConfig",
    "GaussianConfig",
    "GivenLikelihood",
    "LaplaceConfig",
    "Likelihood",
    "LikelihoodConfig",
    "Measure",
    "OptimalGaussianConfig",
]
