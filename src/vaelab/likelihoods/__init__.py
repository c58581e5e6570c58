"""Likelihoods p(x|z): what the decoder's output means."""

from typing import Annotated

from vaelab.likelihoods.base import BaseLikelihood, Likelihood, Measure
from vaelab.likelihoods.bernoulli import BernoulliConfig
from vaelab.likelihoods.categorical import CategoricalConfig
from vaelab.likelihoods.continuous_bernoulli import ContinuousBernoulliConfig
from vaelab.likelihoods.discretized_logistic import DiscretizedLogisticConfig
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
    "LaplaceConfig",
    "Likelihood",
    "LikelihoodConfig",
    "Measure",
    "OptimalGaussianConfig",
]
