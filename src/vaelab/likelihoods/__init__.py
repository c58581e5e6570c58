"""Likelihoods p(x|z): what the decoder's output means."""

from typing import Annotated

from pydantic import Field

from vaelab.likelihoods.base import BaseLikelihood, Likelihood
from vaelab.likelihoods.bernoulli import BernoulliConfig
from vaelab.likelihoods.categorical import CategoricalConfig
from vaelab.likelihoods.continuous_bernoulli import ContinuousBernoulliConfig
from vaelab.likelihoods.discretized_logistic import DiscretizedLogisticConfig
from vaelab.likelihoods.location_scale import GaussianConfig, LaplaceConfig
from vaelab.likelihoods.optimal_gaussian import OptimalGaussianConfig

LikelihoodConfig = Annotated[
    GaussianConfig
    | OptimalGaussianConfig
    | LaplaceConfig
    | BernoulliConfig
    | ContinuousBernoulliConfig
    | DiscretizedLogisticConfig
    | CategoricalConfig,
    Field(discriminator="kind"),
]

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
    "OptimalGaussianConfig",
]
