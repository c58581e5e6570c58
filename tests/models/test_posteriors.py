"""Every family of q(z|x) is a density, and its parts agree with each other."""

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution

from vaelab.data import Domain
from vaelab.distributions import (
    BasePosterior,
    DiagonalNormalConfig,
    FullNormalConfig,
    IAFConfig,
    NormalMixtureConfig,
    changed,
    closed_form_kl,
    closed_form_kl_per_dim,
    rsample,
    rsample_and_log_prob,
)
from vaelab.errors import BadCombinationError
from vaelab.models import VAEConfig
from vaelab.priors import MixtureConfig, StandardNormalConfig

EXPLICIT = [DiagonalNormalConfig(), FullNormalConfig(), NormalMixtureConfig()]
FLOWS = [IAFConfig(widths=(8,), context=3, transforms=1), IAFConfig(widths=(8,), context=3)]
FAMILIES = EXPLICIT + FLOWS
MAPS = [config for config in FAMILIES if not isinstance(config, NormalMixtureConfig)]
"""Whose samples are a smooth map of the noise, one to one."""


def member(config: BasePosterior, latent: int = 2, batch: int = 3) -> Distribution:
    torch.manual_seed(4)
    family = config.build(latent).double()
    with torch.no_grad():  # a flow starts as the identity
        for parameter in family.parameters():
            parameter.copy_(0.3 * torch.randn_like(parameter))
    return family(0.6 * torch.randn(batch, family.params_size(latent), dtype=torch.float64))


def noise(samples: int, latent: int = 2, batch: int = 3) -> Tensor:
    draws = torch.Generator().manual_seed(8)
    return torch.randn(samples, batch, latent, generator=draws, dtype=torch.float64)


@pytest.mark.parametrize("config", FAMILIES, ids=str)
def test_it_integrates_to_one(config: BasePosterior) -> None:
    side = torch.linspace(-12, 12, 481, dtype=torch.float64)
    z = torch.cartesian_prod(side, side)
    with torch.no_grad():
        mass = member(config).log_prob(z[:, None]).exp().sum(0) * (24 / 480) ** 2
    torch.testing.assert_close(mass, torch.ones_like(mass), atol=2e-3, rtol=0)


@pytest.mark.parametrize("config", MAPS, ids=str)
def test_the_density_at_its_samples_is_that_of_the_change_of_variables(
    config: BasePosterior,
) -> None:
    q = member(config, latent=4, batch=1)
    eps = noise(6, latent=4, batch=1)
    z = rsample(q, eps)
    at_samples = q.log_prob(z)
    for k in range(6):
        jacobian = torch.autograd.functional.jacobian(
            lambda e: rsample(q, e[None, None])[0, 0], eps[k, 0]
        )
        base = -0.5 * (eps[k, 0] ** 2 + torch.log(torch.tensor(2 * torch.pi))).sum()
        torch.testing.assert_close(at_samples[k, 0], base - jacobian.det().abs().log())


@pytest.mark.parametrize("config", FAMILIES, ids=str)
def test_the_density_that_comes_with_a_draw_is_that_of_the_distribution(
    config: BasePosterior,
) -> None:
    q = member(config, latent=5)
    z, log_q = rsample_and_log_prob(q, noise(7, latent=5))
    assert torch.equal(z, rsample(q, noise(7, latent=5)))
    assert (log_q is not None) == isinstance(config, IAFConfig)
    if log_q is not None:
        torch.testing.assert_close(log_q, q.log_prob(z))


@pytest.mark.parametrize("config", FAMILIES, ids=str)
def test_mean_and_scale_are_those_of_its_samples(config: BasePosterior) -> None:
    q = member(config)
    with torch.no_grad():
        z = rsample(q, noise(50_000))
        drawn = q.sample(torch.Size([50_000]))
    # the flow's are estimates from 64 samples
    loose = 4 / 64**0.5 if isinstance(config, IAFConfig) else 0.02
    assert ((q.mean - z.mean(0)).abs() <= loose * z.std(0)).all()
    assert ((q.stddev - z.std(0)).abs() <= loose * z.std(0)).all()
    torch.testing.assert_close(drawn.mean(0), z.mean(0), atol=0.03, rtol=0)


def test_correlated_closed_form_is_monte_carlo() -> None:
    q = member(FullNormalConfig(), latent=3)
    p = StandardNormalConfig().build(3, 1).double()()
    z = rsample(q, noise(200_000, latent=3))
    exact = closed_form_kl(q, p)
    assert exact is not None
    torch.testing.assert_close(exact, (q.log_prob(z) - p.log_prob(z)).mean(0), atol=0.02, rtol=0.01)
    assert closed_form_kl_per_dim(q, p) is None
    assert closed_form_kl(q, MixtureConfig().build(3, 1).double()()) is None
    covariance = z.transpose(0, 1)[0].T.cov()
    torch.testing.assert_close(covariance, q.covariance_matrix[0], atol=0.03, rtol=0.03)
    assert covariance[0, 1].abs() > 0.1, "nothing is correlated: this test shows nothing"


@pytest.mark.parametrize("config", EXPLICIT, ids=str)
def test_detached_it_is_the_same_without_a_gradient(config: BasePosterior) -> None:
    family = config.build(2).double()
    params = torch.randn(3, family.params_size(2), dtype=torch.float64, requires_grad=True)
    q = family(params)
    z = rsample(q, noise(2)).detach().requires_grad_()
    fixed = changed(q, Tensor.detach)
    torch.testing.assert_close(fixed.log_prob(z), q.log_prob(z))
    of_z, of_params = torch.autograd.grad(
        fixed.log_prob(z).sum(), [z, params], materialize_grads=True, allow_unused=True
    )
    assert of_z.abs().min() > 0
    assert of_params.abs().max() == 0


def test_one_dimension_is_not_enough_for_a_flow() -> None:
    with pytest.raises(BadCombinationError, match="two dimensions"):
        VAEConfig(latent=1, posterior=IAFConfig()).build((1, 4, 4), Domain.UNIT, 1)
    VAEConfig(latent=1, posterior=FullNormalConfig()).build((1, 4, 4), Domain.UNIT, 1)


def test_a_flow_starts_nearly_as_the_normal_it_moves() -> None:
    torch.manual_seed(0)
    q = IAFConfig().build(4).double()(torch.randn(3, 40, dtype=torch.float64))
    z = rsample(q.base, noise(50, latent=4))
    torch.testing.assert_close(rsample(q, noise(50, latent=4)), z, atol=0.1, rtol=0.05)
    torch.testing.assert_close(q.log_prob(z), q.base.log_prob(z), atol=0.2, rtol=0.05)
