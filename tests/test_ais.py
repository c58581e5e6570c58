"""Annealed importance sampling finds log p(x) where it is known, without the encoder."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal

from tests.models.conftest import set_exact_posterior
from tests.training.conftest import tiny
from vaelab.data import Domain, Split, UnitPixels
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.errors import BadCombinationError
from vaelab.likelihoods import GaussianConfig
from vaelab.metrics import AISMetric, BoundMetric, IWAEMetric
from vaelab.metrics.ais import hmc, schedule
from vaelab.models import VAE, LatentVariableModel, VAEConfig
from vaelab.networks import MLPDecoder, MLPEncoder
from vaelab.priors import BasePrior, ClassConditionalConfig, MixtureConfig, StandardNormalConfig
from vaelab.training import train

SCALE, SHAPE, LATENT, CLASSES = 0.3, (1, 2, 3), 2, 3
QUICK = AISMetric(images=6, chains=128, distributions=60, leapfrogs=4, samples=2)


def linear(prior: BasePrior) -> VAE:
    """x = W z + b + SCALE noise, and an encoder that knows nothing."""
    torch.manual_seed(0)
    config = VAEConfig(
        latent=LATENT,
        encoder=MLPEncoder(widths=()),
        decoder=MLPDecoder(widths=()),
        likelihood=GaussianConfig(scale=SCALE),
        prior=prior,
    )
    model = config.build(SHAPE, Domain.UNIT, CLASSES).eval()
    with torch.no_grad():
        for parameter in model.prior.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    return model


def loader(model: VAE, images: int = 12) -> EvalLoader:
    draws = np.random.default_rng(0)
    grey = draws.integers(0, 256, (images, *SHAPE), np.uint8)
    split = Split(grey, np.arange(images, dtype=np.int64) % CLASSES)
    return EvalLoader(split, UnitPixels(), model.classes)


def exact_nll(model: VAE, images: EvalLoader) -> float:
    """Of a prior that is a mixture of diagonal normals: x is one of normals too."""
    (batch,) = images.batches(len(images))
    layer = model.decoder.trunk.stack[0]
    prior = model.prior(batch.context)
    if isinstance(prior, Independent):
        log_weights = torch.zeros(1)
        loc, scale = (t.unsqueeze(-2) for t in (prior.base_dist.loc, prior.base_dist.scale))
    else:
        log_weights = prior.mixture_distribution.logits
        normal = prior.component_distribution.base_dist
        loc, scale = normal.loc, normal.scale
    with torch.no_grad():
        factor = layer.weight * scale.unsqueeze(-2)
        covariance = factor @ factor.mT + SCALE**2 * torch.eye(6)
        p = MultivariateNormal(loc @ layer.weight.T + layer.bias, covariance)
        each = p.log_prob(batch.x.flatten(1).unsqueeze(1)) + log_weights
        return -each.logsumexp(-1).mean().item()


@pytest.mark.slow
@pytest.mark.parametrize(
    "prior",
    [StandardNormalConfig(), MixtureConfig(components=3), ClassConditionalConfig()],
    ids=lambda prior: prior.kind,
)
def test_it_is_the_exact_negative_log_likelihood_within_its_error(prior: BasePrior) -> None:
    model = linear(prior)
    images = loader(model, 6)
    exact = exact_nll(model, images)
    found = [QUICK.model_copy(update={"seed": seed})(model, images) for seed in range(2)]
    estimates = [numbers["nll_ais128_nats"].value for numbers in found]
    assert np.mean(estimates) == pytest.approx(exact, abs=0.08)
    assert np.std(estimates) > 1e-6
    assert "6 images" in found[0]["iwae2_gap_nats"].estimator
    assert found[0]["iwae2_gap_nats"].value > 0.3


@pytest.mark.slow
def test_its_weights_are_unbiased_with_few_distributions() -> None:
    """E w = p(x) even where the chains are far from where they ought to be."""
    model = linear(StandardNormalConfig())
    images = loader(model, 1)
    exact = exact_nll(model, images)

    def nll(chains: int, seed: int) -> float:
        few = AISMetric(chains=chains, distributions=6, leapfrogs=2, samples=1, seed=seed)
        return few(model, images)[f"nll_ais{chains}_nats"].value

    ratios = [math.exp(exact - nll(1000, seed)) for seed in range(12)]
    error = np.std(ratios) / math.sqrt(12)
    assert error < 0.08
    assert np.mean(ratios) == pytest.approx(1, abs=4 * error)
    assert np.mean([nll(1, seed) for seed in range(20)]) > exact + 0.3  # -E log w is above -log E w


@pytest.mark.slow
def test_where_the_posterior_is_known_there_is_no_gap() -> None:
    model = linear(StandardNormalConfig())
    set_exact_posterior(model, SCALE)
    gap = QUICK(model, loader(model))["iwae2_gap_nats"]
    assert gap.standard_error is not None
    assert abs(gap.value) < 3 * gap.standard_error < 0.4


@pytest.mark.slow
@pytest.mark.parametrize("data", ["digits", pytest.param("mnist", marks=pytest.mark.mnist)])
def test_of_a_trained_model_both_bounds_are_what_a_grid_of_codes_gives(
    data: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Log p(x) of two latent dimensions by quadrature over a grid from -6 to 6."""
    words = ["data={kind: digits, validation: 100, pixels: {kind: binary, mode: static}}"]
    if data == "mnist":
        request.getfixturevalue("mnist_folder")
        words = ["data={kind: mnist, validation: 48000, pixels: {kind: binary, mode: static}}"]
    words += ["model.likelihood=bernoulli", "training.epochs=4", "model.encoder.widths=[64]"]
    run = train(tiny(*words, "training.optimizer.learning_rate=0.003"), tmp_path).run
    model, _ = run.load_model()
    experiment = run.experiment
    few = experiment.data.load().test.select(np.arange(5))
    loader = EvalLoader(few, experiment.data.pixels, 0)
    (batch,) = loader.batches(5)
    side = torch.linspace(-6, 6, 301)
    z = torch.cartesian_prod(side, side)
    with torch.no_grad():
        parts = [
            model.decode(some.unsqueeze(1)).log_prob(batch.x).double() for some in z.split(5_000)
        ]
        log_prior = model.prior().log_prob(z).double()
    cell = math.log(12 / 300) * 2
    exact = -(torch.logsumexp(torch.cat(parts) + log_prior[:, None], 0) + cell).mean().item()
    iwae = IWAEMetric(samples=5_000)(model, loader)["nll_iwae5000_nats"].value
    assert iwae == pytest.approx(exact, abs=0.05)
    ais = AISMetric(images=5, chains=64, distributions=150, leapfrogs=6, samples=1)
    assert ais(model, loader)["nll_ais64_nats"].value == pytest.approx(exact, abs=0.05)
    assert BoundMetric(samples=100)(model, loader)["elbo_nats"].value < -exact


def test_it_takes_images_from_all_over_the_split() -> None:
    model = linear(StandardNormalConfig())
    images = loader(model, 40)
    some = AISMetric(images=4, chains=1, distributions=2)
    assert "4 images" in some(model, images)["nll_ais1_nats"].estimator
    of_ten = EvalLoader(
        Split(images.images(slice(None))[::10].numpy(), images.labels[::10].numpy()),
        UnitPixels(),
        0,
    )
    assert some(model, of_ten) == some(model, images)


def test_hamiltonian_monte_carlo_leaves_the_density_as_it_is() -> None:
    loc = torch.tensor([[1.0, -2], [0, 3]])
    scale = torch.tensor([[0.5, 1], [2, 0.7]])
    target = Independent(Normal(loc, scale), 1)
    torch.manual_seed(0)
    z, steps = target.sample(torch.Size([5_000])), torch.tensor([0.4, 0.6])
    accepted = []
    for _ in range(10):
        z, acceptance = hmc(target.log_prob, z, steps, 3)
        accepted.append(acceptance)
    assert 0.6 < torch.stack(accepted).mean() < 0.98  # so that refusals matter
    torch.testing.assert_close(z.mean(0), loc, atol=0.1, rtol=0)
    torch.testing.assert_close(z.std(0), scale, atol=0, rtol=0.04)
    far, _ = hmc(target.log_prob, loc.expand(5_000, 2, 2), steps, 3)
    assert (far != loc).any(-1).float().mean() > 0.6
    stuck, refused = hmc(target.log_prob, z, torch.tensor([1e30, 1e30]), 3)
    assert torch.equal(stuck, z)
    assert refused.max() == 0


def test_the_schedule_is_closest_together_at_both_ends() -> None:
    betas = schedule(10)
    assert (betas[0], betas[-1], len(betas)) == (0, 1, 11)
    steps = np.diff(betas)
    np.testing.assert_allclose(steps, steps[::-1])
    assert (np.diff(steps[:5]) > 0).all()
    assert math.isclose(betas[5], 0.5)


def test_a_model_without_a_flat_code_is_refused_by_name() -> None:
    class Stacked(LatentVariableModel):
        latent_shape = (2, 3)
        terms = sample = reconstruct = None

    with pytest.raises(BadCombinationError, match="Stacked has not"):
        QUICK(Stacked(), loader(linear(StandardNormalConfig())))
