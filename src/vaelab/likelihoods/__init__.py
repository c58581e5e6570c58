"""Likelihoods p(x|z): what the decoder's output means."""

from typing import Annotated

from pydantic import Field

from vaelab.likelihoods.base import BaseLikelihood, Likelihood
from vaelab.likelihoods.bernoulli import BernoulliConfig, ContinuousBernoulliConfig
from vaelab.likelihoods.location_scale import GaussianConfig, LaplaceConfig

LikelihoodConfig = Annotated[
    GaussianConfig | LaplaceConfig | BernoulliConfig | ContinuousBernoulliConfig,
    Field(discriminator="kind"),
]

__all__ = [
    "BaseLikelihood",
    "BernoulliConfig",
    "ContinuousBernoulliConfig",
    "GaussianConfig",
    "LaplaceConfig",
    "Likelihood",
    "LikelihoodConfig",
]
