"""Bounds on a model whose log p(x) is known."""

import itertools
import math

import torch

from tests.models.conftest import LATENT, SHAPE, exact_log_prob, set_exact_posterior
from vaelab.data import Domain
from vaelab.likelihoods import GaussianConfig
from vaelab.models import VAE, VAEConfig
from vaelab.objectives import ELBOConfig, IWAEConfig


def test_elbo_below_iwae_below_exact_and_rising_with_samples(linear: VAE) -> None:
    x = torch.rand(8, *SHAPE, dtype=torch.float64)
    noise = torch.randn(100_000, 8, LATENT, dtype=torch.float64)
    exact = exact_log_prob(linear, x)
    # over the same samples the order holds without error: log is concave
    bounds = [
        torch.stack([linear.terms(x, noise=part).iwae for part in noise.split(samples)]).mean(0)
        for samples in (100, 1000, 100_000)
    ]
    bounds.insert(0, linear.terms(x, noise=noise).log_weights.mean(0))
    for lower, upper in itertools.pairwise(bounds):
        assert (lower < upper).all()
    torch.testing.assert_close(linear.terms(x, noise=noise).elbo, bounds[0], atol=0.05, rtol=0)
    torch.testing.assert_close(bounds[-1], exact, atol=0.05, rtol=0)
    assert (bounds[0] < exact - 0.05).all()


def test_every_bound_is_exact_where_the_posterior_is(linear: VAE) -> None:
    set_exact_posterior(linear)
    x = torch.rand(5, *SHAPE, dtype=torch.float64)
    terms = linear.terms(x, noise=torch.randn(3, 5, LATENT, dtype=torch.float64))
    exact = exact_log_prob(linear, x)
    # every importance weight is p(x) itself, whatever the sample
    torch.testing.assert_close(terms.log_weights, exact.expand(3, 5))
    torch.testing.assert_close(terms.iwae, exact)


def test_one_importance_sample_is_the_sampled_elbo(linear: VAE) -> None:
    x = torch.rand(4, *SHAPE, dtype=torch.float64)
    terms = linear.terms(x, noise=torch.randn(1, 4, LATENT, dtype=torch.float64))
    level = terms.levels[0]
    sampled = terms.log_likelihood[0] + level.log_p[0] - level.log_q[0]
    torch.testing.assert_close(terms.iwae, sampled)
    torch.testing.assert_close(IWAEConfig(samples=1)(terms, {}), -sampled.mean())


def test_closed_form_kl_equals_monte_carlo(linear: VAE) -> None:
    x = torch.rand(4, *SHAPE, dtype=torch.float64)
    level = linear.terms(x, noise=torch.randn(200_000, 4, LATENT, dtype=torch.float64)).levels[0]
    torch.testing.assert_close(level.kl, (level.log_q - level.log_p).mean(0), atol=0.01, rtol=0.01)
    torch.testing.assert_close(level.kl, level.kl_per_dim.sum(1))


def test_gaussian_elbo_is_mse_plus_weighted_kl() -> None:
    """The seed's loss, MSE.mean() + w KL, is w (-ELBO) plus a constant, at scale sqrt(w D / 2)."""
    torch.manual_seed(1)
    weight, shape = 1e-5, (1, 28, 28)
    size = math.prod(shape)
    scale = math.sqrt(weight * size / 2)
    assert round(scale, 4) == 0.0626
    model = (
        VAEConfig(likelihood=GaussianConfig(scale=scale)).build(shape, Domain.SIGNED, 1).double()
    )
    losses = []
    for _ in range(3):
        x = 2 * torch.rand(6, *shape, dtype=torch.float64) - 1
        terms = model.terms(x, noise=torch.randn(1, 6, 2, dtype=torch.float64))
        output = model.decode(terms.levels[0].z).mean[0]
        q = terms.levels[0].posterior
        kl = 0.5 * (q.variance + q.mean**2 - 1 - q.variance.log()).sum(1).mean()
        seed = (x - output).square().mean() + weight * kl
        ours = ELBOConfig()(terms, {"beta": torch.tensor(1.0, dtype=torch.float64)})
        losses.append((seed, ours))
    constant = size * math.log(scale * math.sqrt(2 * math.pi))
    for seed, ours in losses:
        torch.testing.assert_close(seed, weight * (ours - constant))
