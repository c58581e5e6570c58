"""Objectives are what their papers say, in values and in gradients."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, Normal

from tests.models.conftest import (
    LATENT,
    SHAPE,
    decoder_map,
    exact_log_prob,
    linear_model,
    nodes,
    set_exact_posterior,
)
from vaelab.distributions import BasePosterior, DiagonalNormalConfig, NormalMixtureConfig
from vaelab.models import VAE, Level, Terms
from vaelab.objectives import (
    BaseObjective,
    CapacityConfig,
    DIPConfig,
    DReGConfig,
    ELBOConfig,
    FreeBitsConfig,
    InfoConfig,
    IWAEConfig,
    STLConfig,
    TCVAEConfig,
)
from vaelab.objectives.aggregate import log_aggregate_posterior, squared_discrepancy
from vaelab.optim import ConstantSchedule

CONTROLS = {
    "beta": torch.tensor(1.0, dtype=torch.float64),
    "images": torch.tensor(1000.0, dtype=torch.float64),
}


def normal(loc: Tensor, scale: Tensor) -> Independent[Normal]:
    return Independent(Normal(loc, scale), 1)


def terms_of(loc: Tensor, scale: Tensor, log_likelihood: Tensor, z: Tensor) -> Terms:
    prior = normal(torch.zeros(loc.shape[-1]).to(loc), torch.ones(loc.shape[-1]).to(loc))
    return Terms(log_likelihood, (Level(z, normal(loc, scale), prior),))


def random_terms(images: int = 6, d: int = 3, samples: int = 1) -> Terms:
    draws = torch.Generator().manual_seed(2)
    loc, noise = (
        torch.randn(size, images, d, generator=draws, dtype=torch.float64) for size in (1, samples)
    )
    scale = 0.1 + torch.rand(images, d, generator=draws, dtype=torch.float64)
    log_likelihood = torch.randn(samples, images, generator=draws, dtype=torch.float64) - 50
    return terms_of(loc[0], scale, log_likelihood, loc[0] + scale * noise)


def gradients(model: VAE, objective: BaseObjective, x: Tensor, noise: Tensor) -> dict[str, Tensor]:
    loss = objective(model.terms(x, noise=noise), CONTROLS)
    names, parameters = zip(*model.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss, parameters), strict=True))


def draws(samples: int, seed: int, images: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(samples, images, LATENT, generator=generator, dtype=torch.float64)


def test_at_the_exact_posterior_stl_has_no_gradient_and_the_elbo_has(linear: VAE) -> None:
    set_exact_posterior(linear)
    x = torch.rand(4, *SHAPE, dtype=torch.float64)
    ours = gradients(linear, STLConfig(), x, draws(1, 0))
    plain = gradients(linear, ELBOConfig(), x, draws(1, 0))
    for name in ours:
        if name.startswith("encoder"):
            assert ours[name].abs().max() < 1e-7
            assert plain[name].abs().max() > 1e-3


@pytest.mark.parametrize("objective", [STLConfig(samples=4), DReGConfig(samples=4)], ids=str)
def test_at_the_exact_posterior_the_gradient_is_that_of_the_exact_log_p(
    linear: VAE, objective: BaseObjective
) -> None:
    set_exact_posterior(linear)
    x = torch.rand(4, *SHAPE, dtype=torch.float64)
    found = gradients(linear, objective, x, nodes(4))
    # d log p(x, z) is quadratic in z, so that its mean over the nodes is E_q, and d log p(x)
    decoder = dict(linear.decoder.named_parameters())
    exact = torch.autograd.grad(-exact_log_prob(linear, x).mean(), decoder_map(linear))
    wanted = dict(zip(("weight", "bias"), exact, strict=True))
    for name in decoder:
        torch.testing.assert_close(found[f"decoder.{name}"], wanted[name.rpartition(".")[2]])
    for name, gradient in found.items():
        if name.startswith("encoder"):
            assert gradient.abs().max() < 1e-7


@pytest.mark.slow
@pytest.mark.parametrize("posterior", [DiagonalNormalConfig(), NormalMixtureConfig()], ids=str)
@pytest.mark.parametrize(
    ("other", "same"),
    [(STLConfig(samples=4), ELBOConfig(samples=4)), (DReGConfig(samples=4), IWAEConfig(samples=4))],
    ids=["stl", "dreg"],
)
def test_gradients_have_the_mean_of_the_plain_ones(
    other: BaseObjective, same: BaseObjective, posterior: BasePosterior
) -> None:
    torch.manual_seed(0)
    linear = linear_model(posterior)
    x = torch.rand(4, *SHAPE, dtype=torch.float64)
    sums: dict[str, list[Tensor]] = {}
    for seed in range(600):
        noise = draws(4, seed)
        ours, plain = (gradients(linear, one, x, noise) for one in (other, same))
        for name in ours:
            sums.setdefault(name, []).append(ours[name] - plain[name])
            if name.startswith("decoder") and isinstance(other, DReGConfig):
                torch.testing.assert_close(ours[name], plain[name])
    for values in sums.values():
        difference = torch.stack(values)
        error = difference.std(0) / math.sqrt(len(values)) + 1e-12
        assert ((difference.mean(0) / error).abs() < 5).all()


@pytest.mark.slow
def test_the_doubly_reparameterised_gradient_gains_from_samples(linear: VAE) -> None:
    """Signal over noise of the encoder's gradient: falls with K for the plain bound, rises here."""
    x = torch.rand(2, *SHAPE, dtype=torch.float64)

    def ratio(objective: BaseObjective) -> float:
        found = [
            gradients(linear, objective, x, draws(objective.num_samples, seed, 2))[
                "encoder.heads.0.stack.0.weight"
            ]
            for seed in range(400)
        ]
        stacked = torch.stack(found)
        return (stacked.mean(0).abs() / stacked.std(0)).mean().item()

    plain = [ratio(IWAEConfig(samples=k)) for k in (4, 256)]
    doubly = [ratio(DReGConfig(samples=k)) for k in (4, 256)]
    assert doubly[1] > 1.5 * doubly[0]
    assert plain[1] < plain[0]


def test_dreg_and_stl_log_the_bound_and_not_the_surrogate() -> None:
    terms = random_terms(samples=5)
    assert DReGConfig()(terms, CONTROLS).item() == pytest.approx(-terms.iwae.mean().item())
    assert STLConfig()(terms, CONTROLS).item() == pytest.approx(-terms.log_weights.mean().item())


def test_capacity_is_a_distance_of_the_batchs_rate() -> None:
    terms = random_terms()
    rate, distortion = terms.rate.mean().item(), terms.distortion.mean().item()
    for capacity in (0.0, rate + 2):
        loss = CapacityConfig(gamma=3)(terms, {"capacity": torch.tensor(capacity)})
        assert loss.item() == pytest.approx(distortion + 3 * abs(rate - capacity), rel=1e-6)


def test_free_bits_count_dimensions_up_to_the_threshold_as_the_threshold() -> None:
    terms = random_terms()
    per_dim = terms.levels[0].kl_per_dim
    assert per_dim is not None
    means = per_dim.mean(0)
    threshold = means.sort().values[1].item() + 1e-9  # above two of the three
    wanted = terms.distortion.mean() + means.max() + 2 * threshold
    torch.testing.assert_close(FreeBitsConfig(nats=threshold)(terms, {}), wanted)
    torch.testing.assert_close(FreeBitsConfig(nats=0)(terms, {}), -terms.elbo.mean())


def test_free_bits_of_a_correlated_posterior_are_those_of_all_dimensions() -> None:
    factor = torch.tensor([[1.0, 0], [0.5, 0.8]]).expand(4, 2, 2)
    posterior = MultivariateNormal(torch.ones(4, 2), scale_tril=factor)
    level = Level(torch.zeros(1, 4, 2), posterior, normal(torch.zeros(2), torch.ones(2)))
    terms = Terms(torch.zeros(1, 4), (level,))
    assert FreeBitsConfig(nats=5)(terms, {}).item() == pytest.approx(10)
    torch.testing.assert_close(FreeBitsConfig(nats=0.1)(terms, {}), level.kl.mean())


def test_with_all_weights_one_the_parts_of_the_rate_are_the_rate() -> None:
    terms = random_terms()
    loss = TCVAEConfig(beta=ConstantSchedule(value=1.0))(terms, CONTROLS)
    torch.testing.assert_close(loss, -terms.log_weights.mean())


def test_the_aggregate_posterior_is_the_batchs_mixture_over_the_data_set() -> None:
    terms = random_terms(images=3, d=2)
    level = terms.levels[0]
    joint, product = log_aggregate_posterior(level, torch.tensor(10.0, dtype=torch.float64))
    q = level.posterior.base_dist
    for i in range(3):
        z = level.z[0, i]
        each = torch.stack([Normal(q.loc[j], q.scale[j]).log_prob(z) for j in range(3)]).exp()
        assert joint[i].item() == pytest.approx(math.log(each.prod(1).sum() / 30))
        assert product[i].item() == pytest.approx((each.sum(0) / 30).log().sum().item())


@pytest.mark.parametrize("of", ["means", "samples"])
def test_dip_is_the_squared_distance_from_the_identity(of: str) -> None:
    loc = torch.tensor([[1.0, 2], [-1, -2], [1, 2], [-1, -2]])
    scale = torch.tensor([0.5, 1.0]).expand(4, 2)
    terms = terms_of(loc, scale, torch.zeros(1, 4), loc[None])
    objective = DIPConfig(of=of, off_diagonal=2, diagonal=3, beta=ConstantSchedule(value=0))
    added = (0.25, 1.0) if of == "samples" else (0.0, 0.0)
    wanted = 2 * (2 * 2**2) + 3 * ((1 + added[0] - 1) ** 2 + (4 + added[1] - 1) ** 2)
    loss = objective(terms, {"beta": torch.tensor(0.0)})
    assert loss.item() == pytest.approx(wanted)


def test_the_discrepancy_is_unbiased_and_its_prior_part_exact() -> None:
    draws = torch.Generator().manual_seed(1)
    same = torch.randn(500, 60, 3, generator=draws, dtype=torch.float64)
    values = torch.stack([squared_discrepancy(z) for z in same])
    assert abs(values.mean()) < 4 * values.std() / math.sqrt(500)
    assert (values < 0).any()
    # against the plain two-sample estimate
    z = 0.7 * torch.randn(300, 3, generator=draws, dtype=torch.float64) + 0.5
    p = torch.randn(8_000, 3, generator=draws, dtype=torch.float64)

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        squares = torch.cdist(a, b) ** 2
        return sum(torch.exp(-squares / (2 * h)) for h in (1.5, 3.0, 6.0)) / 3

    within = (kernel(z, z).sum() - 300) / (300 * 299)
    between = (kernel(p[:4_000], p[4_000:])).mean()
    sampled = within - 2 * kernel(z, p).mean() + between
    torch.testing.assert_close(squared_discrepancy(z), sampled, atol=8e-3, rtol=0)
    assert squared_discrepancy(z) > 0.05


def test_wasserstein_has_no_rate_and_info_has() -> None:
    terms = random_terms()
    z = terms.levels[0].z[0]
    without = InfoConfig(weight=7)(terms, {"beta": torch.tensor(0.0)})
    torch.testing.assert_close(without, terms.distortion.mean() + 7 * squared_discrepancy(z))
    some = InfoConfig(weight=7)(terms, {"beta": torch.tensor(0.5)})
    torch.testing.assert_close(some - without, 0.5 * terms.rate.mean())
