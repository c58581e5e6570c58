"""A model whose log p(x) is known: z ~ N(0, I), x = W z + b + scale * noise."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from vaelab.data import Domain
from vaelab.distributions import BasePosterior, DiagonalNormalConfig
from vaelab.likelihoods import GaussianConfig
from vaelab.models import VAE, VAEConfig
from vaelab.networks import MLPDecoder, MLPEncoder

SCALE = 0.5
SHAPE = (1, 2, 3)
LATENT = 2


@pytest.fixture
def linear() -> VAE:
    torch.manual_seed(0)
    return linear_model(DiagonalNormalConfig())


def linear_model(posterior: BasePosterior) -> VAE:
    config = VAEConfig(
        latent=LATENT,
        posterior=posterior,
        encoder=MLPEncoder(widths=()),
        decoder=MLPDecoder(widths=()),
        likelihood=GaussianConfig(scale=SCALE),
    )
    return config.build(SHAPE, Domain.UNIT, 1).double()


def decoder_map(model: VAE) -> tuple[torch.Tensor, torch.Tensor]:
    layer = model.decoder.trunk.stack[0]
    return layer.weight, layer.bias


def exact_log_prob(model: VAE, x: torch.Tensor) -> torch.Tensor:
    weight, bias = decoder_map(model)
    covariance = weight @ weight.T + SCALE**2 * torch.eye(len(bias), dtype=torch.float64)
    return MultivariateNormal(bias, covariance).log_prob(x.flatten(1))


def nodes(images: int) -> torch.Tensor:
    """Noise over which the mean of anything quadratic is its expectation: +- sqrt(d) e_i."""
    axes = math.sqrt(LATENT) * torch.eye(LATENT, dtype=torch.float64)
    return torch.cat([axes, -axes])[:, None].expand(-1, images, -1)


def set_exact_posterior(model: VAE, scale: float = SCALE) -> None:
    """q(z|x) = p(z|x), up to its diagonal: W has orthogonal columns, so that is all of it."""
    weight, bias = decoder_map(model)
    with torch.no_grad():
        weight.copy_(torch.linalg.qr(weight)[0])
        variance = 1 / (1 + 1 / scale**2)
        head = model.encoder.heads[0].stack[0]
        loc = variance / scale**2 * weight.T
        head.weight.copy_(torch.cat([loc, torch.zeros_like(loc)]))
        log_variance = torch.full((LATENT,), math.log(variance), dtype=weight.dtype)
        head.bias.copy_(torch.cat([-loc @ bias, log_variance]))
