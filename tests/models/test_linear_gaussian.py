"""Bounds on a model whose log p(x) is known."""

import itertools
import math
from collections.abc import Iterator

import pytest
import torch
from sklearn.decomposition import PCA

from tests.models.conftest import (
    LATENT,
    SHAPE,
    exact_log_prob,
    linear_model,
    nodes,
    set_exact_posterior,
)
from vaelab.data import Domain
from vaelab.distributions import BasePosterior
from vaelab.likelihoods import GaussianConfig
from vaelab.models import VAE, VAEConfig
from vaelab.networks import MLPDecoder, MLPEncoder
from vaelab.objectives import BaseObjective, ELBOConfig, IWAEConfig


@pytest.mark.slow
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


def fitting() -> Iterator[tuple[BaseObjective, BasePosterior]]:
    for objective in BaseObjective.axis.kinds.values():
        for posterior in BasePosterior.axis.kinds.values():
            if objective.needs.get("posterior") in {None, *posterior.facts}:
                yield objective(), posterior()


@pytest.mark.parametrize(("objective", "posterior"), list(fitting()), ids=lambda value: value.kind)
def test_bounds_are_in_order_whatever_the_posterior_and_the_objective(
    objective: BaseObjective, posterior: BasePosterior
) -> None:
    torch.manual_seed(0)
    model = linear_model(posterior)
    x = torch.rand(8, *SHAPE, dtype=torch.float64)
    controls = {name: torch.tensor(s(0.5)).double() for name, s in objective.controls.items()}
    controls["images"] = torch.tensor(8.0).double()
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(15):
        noise = torch.randn(objective.num_samples, 8, LATENT, dtype=torch.float64)
        optimizer.zero_grad()
        objective(model.terms(x, noise=noise), controls).backward()
        optimizer.step()
    noise = torch.randn(20_000, 8, LATENT, dtype=torch.float64)
    with torch.no_grad():
        exact = exact_log_prob(model, x)
        terms = model.terms(x, noise=noise)
        parts = terms.log_weights.split(100)
        of_100 = torch.stack([part.logsumexp(0) - math.log(100) for part in parts]).mean(0)
        for lower, upper in itertools.pairwise([terms.log_weights.mean(0), of_100, terms.iwae]):
            assert (lower < upper).all()
        weights = (terms.log_weights - exact).exp()
        error = weights.std(0) / math.sqrt(len(noise))
        assert ((weights.mean(0) - 1).abs() < 5 * error).all()  # E w = p(x)
        assert (terms.iwae < exact + 5 * error).all()
        assert (error < 0.1).all()
        assert (terms.elbo < exact).all()


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


def test_trained_to_the_end_it_is_probabilistic_pca() -> None:
    """With a linear decoder the ELBO's optimum is the highest log p(x) there is.

    "Probabilistic principal component analysis" (Tipping and Bishop, 1999); that the ELBO has no
    other: "Don't blame the ELBO!" (Lucas et al., 2019, arXiv 1911.02469).
    """
    torch.manual_seed(2)
    features = math.prod(SHAPE)
    x = torch.randn(500, features, dtype=torch.float64) @ torch.randn(features, features).double()
    theirs = PCA(LATENT).fit(x.numpy())
    config = VAEConfig(
        latent=LATENT, encoder=MLPEncoder(widths=()), decoder=MLPDecoder(widths=()),
        likelihood=GaussianConfig(),
    )  # fmt: skip
    model = config.build(SHAPE, Domain.UNIT, 1).double()
    images, noise = x.reshape(-1, *SHAPE), nodes(len(x))
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=2000, tolerance_grad=1e-9, tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = -model.terms(images, noise=noise).elbo.mean()
        value.backward()
        return value

    optimizer.step(loss)
    with torch.no_grad():
        elbo = model.terms(images, noise=noise).elbo.mean().item()
        scale = model.decoder.family.scale.item()
    assert elbo == pytest.approx(theirs.score(x.numpy()), abs=1e-4)
    biased = (len(x) - 1) / len(x)  # scikit-learn's variances divide by n - 1
    assert scale**2 == pytest.approx(biased * theirs.noise_variance_, rel=1e-3)
