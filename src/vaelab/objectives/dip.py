"""An aggregate posterior with the moments of the prior."""

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.distributions import MultivariateNormal

from vaelab.models import Level, Terms
from vaelab.objectives.base import NORMAL, BaseObjective, Controls
from vaelab.schedules import ConstantSchedule, ScheduleConfig


class DIPConfig(BaseObjective):
    """The negative ELBO plus the distance of the codes' covariance matrix from the identity.

        loss = E_q[-log p(x|z)] + beta KL(q(z|x) || p(z))
               + off_diagonal sum over i != j of C_ij^2 + diagonal sum over i of (C_ii - 1)^2

    C is the covariance of the batch's codes. Use it for codes whose dimensions are uncorrelated,
    with batches of many more images than the code has dimensions.

    "Variational inference of disentangled latent concepts from unlabeled observations" (Kumar et
    al., 2018, eq. 6 and 7, arXiv 1711.00848).
    """

    models: ClassVar[frozenset[str] | None] = frozenset({"vae"})
    posteriors: ClassVar[frozenset[str] | None] = NORMAL
    couples: ClassVar[bool] = True

    kind: Literal["dip"] = "dip"
    beta: ScheduleConfig = ConstantSchedule(value=1.0)
    """Weight of the rate: a number, or a schedule over epochs."""
    of: Literal["means", "samples"] = "samples"
    """Whose covariance: of the posteriors' means (DIP-VAE-I), or of codes drawn from them (II)."""
    off_diagonal: float = Field(default=10.0, ge=0, allow_inf_nan=False)
    """Weight of the squared covariances."""
    diagonal: float = Field(default=10.0, ge=0, allow_inf_nan=False)
    """Weight of the squared distances of the variances from 1."""

    def rate_price(self, controls: Mapping[str, float]) -> float:
        """`beta`."""
        return controls["beta"]

    def __call__(self, terms: Terms, controls: Controls) -> Float[Tensor, ""]:
        """Distortion + beta rate + weighted squared entries of cov - I."""
        loss = (terms.distortion + controls["beta"] * terms.rate).mean()
        for level in terms.levels:
            squares = (self._covariance(level) - torch.eye(level.z.shape[-1]).to(level.z)) ** 2
            diagonal = squares.diagonal().sum()
            loss = loss + self.off_diagonal * (squares.sum() - diagonal) + self.diagonal * diagonal
        return loss

    def _covariance(self, level: Level) -> Float[Tensor, "d d"]:
        posterior = level.posterior
        centred = posterior.mean - posterior.mean.mean(0)
        covariance = centred.T @ centred / len(centred)
        if self.of == "means":
            return covariance
        # Cov[z] = Cov[E[z|x]] + E[Cov[z|x]]
        if isinstance(posterior, MultivariateNormal):
            return covariance + posterior.covariance_matrix.mean(0)
        return covariance + torch.diag(posterior.variance.mean(0))
