"""Objectives of the aggregate posterior: the batch's codes all together."""

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.distributions import MultivariateNormal

from vaelab.distributions import log_aggregate
from vaelab.models import Level, Terms
from vaelab.objectives.base import BaseObjective, Controls
from vaelab.optim import ConstantSchedule, ScheduleConfig


class TCVAEConfig(BaseObjective):
    """The negative ELBO with beta on the total correlation of the aggregate posterior alone.

    q(z) is estimated from the batch (the paper's minibatch weighted sampling, eq. 3): biased, the
    parts more than their sum, and so never to be reported as the total correlation.
    """

    formula = """
        loss = E_q[-log p(x|z)] + alpha I(x; z) + beta KL(q(z) || prod q(z_k))
               + gamma sum over k of KL(q(z_k) || p(z_k))
    """
    advice = """Use it to disentangle at less distortion than a large beta in `elbo` costs, since
        what the code tells of the image is not charged more; batches should be large."""
    references = """
        "Isolating sources of disentanglement in VAEs" (Chen et al., 2018, eq. 2 and 4, arXiv
        1802.04942)"""

    needs_flat: ClassVar[bool] = True
    needs: ClassVar[Mapping[str, str]] = {"posterior": "independent"}
    couples: ClassVar[bool] = True
    has_rate_price: ClassVar[bool] = False

    kind: Literal["tcvae"] = "tcvae"
    alpha: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    """Weight of the index-code mutual information."""
    beta: ScheduleConfig = ConstantSchedule(value=6.0)
    """Weight of the total correlation: a number, or a schedule over epochs."""
    gamma: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    """Weight of the dimension-wise KL."""

    def __call__(self, terms: Terms, controls: Controls) -> Float[Tensor, ""]:
        loss = terms.distortion.mean()
        for level in terms.levels:
            log_aggregate, log_product = log_aggregate_posterior(level, controls["images"])
            information = (level.log_q[0] - log_aggregate).mean()
            correlation = (log_aggregate - log_product).mean()
            dimensions = (log_product - level.log_p[0]).mean()
            loss = loss + self.alpha * information + self.gamma * dimensions
            loss = loss + controls["beta"] * correlation
        return loss


def log_aggregate_posterior(
    level: Level, images: Float[Tensor, ""]
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """Log q(z) and sum over k of log q(z_k) at each first sample, estimated from the batch; nats.

    N is the number of images in the data set, and the posterior's dimensions are independent.
    """
    # q(z_i) = 1 / (N M) sum_j q(z_i | x_j) over the M images of the batch
    joint, product = log_aggregate(level.posterior, level.z[0])
    return joint - images.log(), product - level.z.shape[-1] * images.log()


class DIPConfig(BaseObjective):
    """The negative ELBO plus the distance of the codes' covariance matrix from the identity.

    C is the covariance of the batch's codes.
    """

    formula = """
        loss = E_q[-log p(x|z)] + beta KL(q(z|x) || p(z))
               + off_diagonal sum over i != j of C_ij^2 + diagonal sum over i of (C_ii - 1)^2
    """
    advice = """Use it for codes whose dimensions are uncorrelated, with batches of many more images
        than the code has dimensions."""
    references = """
        "Variational inference of disentangled latent concepts from unlabeled observations" (Kumar
        et al., 2018, eq. 6 and 7, arXiv 1711.00848)"""

    needs_flat: ClassVar[bool] = True
    needs: ClassVar[Mapping[str, str]] = {"posterior": "normal"}
    couples: ClassVar[bool] = True

    kind: Literal["dip"] = "dip"
    beta: ScheduleConfig = ConstantSchedule(value=1.0)
    """Weight of the rate: a number, or a schedule over epochs."""
    of: Literal["means", "samples"] = "samples"
    """Codes of the covariance: the posteriors' `means` (DIP-VAE-I), or `samples` of them (II)."""
    off_diagonal: float = Field(default=10.0, ge=0, allow_inf_nan=False)
    """Weight of the squared covariances."""
    diagonal: float = Field(default=10.0, ge=0, allow_inf_nan=False)
    """Weight of the squared distances of the variances from 1."""

    def __call__(self, terms: Terms, controls: Controls) -> Float[Tensor, ""]:
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


class InfoConfig(BaseObjective):
    """Distortion, as much of the rate as one likes, and the maximum mean discrepancy of the codes.

    The discrepancy between the batch's codes and N(0, I) is unbiased, in Gaussian kernels of
    several widths, and the prior's part of it is computed exactly.
    """

    formula = "loss = E_q[-log p(x|z)] + beta KL(q(z|x) || p(z)) + weight MMD^2(q(z), p(z))"
    advice = """Use it where each code may be as sharp as it likes, and only all of them together
        should look like the prior; its ELBO is poor, as it does not aim at it. The weight
        multiplies the noise of a batch's discrepancy too: a weight for MNIST's 784 pixels silences
        the code of digits of 64, which 30 does not."""
    references = """
        With a beta of 1 - alpha: "InfoVAE" (Zhao et al., 2019, eq. 6, arXiv 1706.02262); with beta
        0: "Wasserstein auto-encoders" (Tolstikhin et al., 2018, algorithm 2, arXiv 1711.01558)"""

    needs_flat: ClassVar[bool] = True
    needs: ClassVar[Mapping[str, str]] = {"prior": "standard_normal"}
    couples: ClassVar[bool] = True
    has_rate_price: ClassVar[bool] = False

    kind: Literal["info"] = "info"
    beta: ScheduleConfig = ConstantSchedule(value=0.0)
    """Weight of the rate: a number, or a schedule over epochs; 0: none."""
    weight: float = Field(default=1000.0, ge=0, allow_inf_nan=False)
    """Weight of the squared discrepancy, in nats."""

    def __call__(self, terms: Terms, controls: Controls) -> Float[Tensor, ""]:
        loss = (terms.distortion + controls["beta"] * terms.rate).mean()
        for level in terms.levels:
            loss = loss + self.weight * squared_discrepancy(level.z[0])
        return loss


def squared_discrepancy(z: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
    """MMD^2 between two samples or more and N(0, I), unbiased, so it may fall below 0.

    k(a, b) = mean over h^2 in d/2, d, 2 d of exp(-|a - b|^2 / (2 h^2)): "A kernel two-sample test"
    (Gretton et al., 2012, eq. 3). Against a normal, E k is known: the convolution of two normals.
    """
    count, d = z.shape
    total = z.new_zeros(())
    square = z.square().sum(-1)
    distances = (square[:, None] + square - 2 * z @ z.T).clamp(min=0)
    others = ~torch.eye(count, dtype=torch.bool, device=z.device)
    for width in (d / 2, float(d), 2.0 * d):  # h^2
        within = (torch.exp(-distances / (2 * width)) * others).sum() / (count * (count - 1))
        across = (width / (width + 1)) ** (d / 2) * torch.exp(-square / (2 * (width + 1))).mean()
        prior = (width / (width + 2)) ** (d / 2)
        total = total + within - 2 * across + prior
    return total / 3
