"""Likelihoods that count levels, that give each pixel its scale, or that find the best one."""

import math

import pytest
import torch

from vaelab.data import Domain
from vaelab.errors import BadCombinationError
from vaelab.likelihoods import (
    BaseLikelihood,
    BernoulliConfig,
    CategoricalConfig,
    DiscretizedLogisticConfig,
    GaussianConfig,
    LaplaceConfig,
    OptimalGaussianConfig,
)
from vaelab.models import VAEConfig
from vaelab.networks import MLPDecoder

LEVELS = torch.arange(256, dtype=torch.float64).reshape(256, 1, 1, 1)


def params_of(config: BaseLikelihood, *values: float) -> torch.Tensor:
    family = config.build(Domain.LEVELS)
    draws = torch.Generator().manual_seed(1)
    size = family.params_size(1)
    if len(values) == size:
        return torch.tensor(values, dtype=torch.float64).reshape(size, 1, 1)
    return 2 * torch.randn(size, 1, 1, generator=draws, dtype=torch.float64)


@pytest.mark.parametrize("output", [-0.4, 0.0, 0.3, 0.999, 1.7])
@pytest.mark.parametrize("scale", [0.11, 1.0, 40.0, 1e4])
def test_a_discretised_logistic_sums_to_one(output: float, scale: float) -> None:
    family = DiscretizedLogisticConfig().build(Domain.LEVELS).double()
    with torch.no_grad():
        family.log_excess.fill_(math.log(scale - 0.1))
    p = family(params_of(DiscretizedLogisticConfig(), output)).log_prob(LEVELS).exp()
    assert p.sum().item() == pytest.approx(1, abs=1e-9)
    loc = torch.tensor(255 * output, dtype=torch.float64)
    edges = torch.arange(255, dtype=torch.float64) + 0.5
    cumulative = torch.sigmoid((edges - loc) / family.scale)
    torch.testing.assert_close(p.cumsum(0)[:-1], cumulative, atol=1e-9, rtol=0)


@pytest.mark.parametrize("scale", [0.3, 3.0, 30.0])
def test_its_mean_is_that_of_the_levels(scale: float) -> None:
    family = DiscretizedLogisticConfig().build(Domain.LEVELS).double()
    with torch.no_grad():
        family.log_excess.fill_(math.log(scale - 0.1))
    for output in (-0.1, 0.2, 0.3, 0.97, 1.05):
        q = family(params_of(DiscretizedLogisticConfig(), output))
        exact = (q.log_prob(LEVELS).exp() * LEVELS.flatten()).sum()
        assert q.mean.item() == pytest.approx(exact.item(), abs=0.5 if scale < 1 else 1e-2)
        drawn = q.sample(torch.Size([20_000]))
        assert drawn.mean().item() == pytest.approx(exact.item(), abs=4 * scale / 60 + 0.1)
        assert drawn.equal(drawn.round())


@pytest.mark.parametrize("bins", [2, 32, 256])
def test_a_categorical_sums_to_one_over_all_levels(bins: int) -> None:
    config = CategoricalConfig(bins=bins)
    q = config.build(Domain.LEVELS)(params_of(config))
    p = q.log_prob(LEVELS).exp()
    assert p.sum().item() == pytest.approx(1, abs=1e-9)
    per_bin = p.reshape(bins, -1)
    assert (per_bin.std(1) < 1e-12).all() if bins < 256 else len(p.unique()) > 200
    assert q.mean.item() == pytest.approx((p * LEVELS.flatten()).sum().item())
    drawn = q.sample(torch.Size([20_000]))
    assert drawn.mean().item() == pytest.approx(q.mean.item(), abs=3)
    assert drawn.unique().numel() > bins / 2


def test_a_categorical_keeps_channels_apart() -> None:
    family = CategoricalConfig(bins=4).build(Domain.LEVELS)
    logits = torch.full((2, 4, 1, 1), -50.0)
    logits[0, 3], logits[1, 1] = 50, 50  # channel 0 is bright, channel 1 dark
    q = family(logits.reshape(8, 1, 1))
    assert q.event_shape == (2, 1, 1)
    assert q.mean.flatten().tolist() == pytest.approx([223.5, 95.5])


@pytest.mark.parametrize("output", [-3.0, 0.0, 2.0])
@pytest.mark.parametrize("config", [GaussianConfig, LaplaceConfig])
def test_a_scale_for_each_pixel_is_a_density(config, output: float) -> None:
    family = config(scale="per_pixel").build(Domain.UNIT)
    x = torch.linspace(-60, 60, 400_001, dtype=torch.float64)
    params = torch.tensor([0.4, output], dtype=torch.float64).reshape(2, 1, 1)
    density = family(params).log_prob(x[:, None, None, None]).exp()
    assert torch.trapezoid(density, x).item() == pytest.approx(1, abs=1e-4)


def test_a_scale_for_each_pixel_is_its_own() -> None:
    family = GaussianConfig(scale="per_pixel", floor=0.01).build(Domain.UNIT)
    params = torch.zeros(4, 1, 1)
    params[3] = 1.5  # channels: two locations, then two scales
    q = family(params)
    wanted = [0.25, 0.01 + 0.24 * math.exp(1.5)]
    assert q.stddev.flatten().tolist() == pytest.approx(wanted, rel=1e-3)  # nearly, by the bound
    with pytest.raises(BadCombinationError, match="`output_activation: identity`"):
        VAEConfig(
            likelihood=GaussianConfig(scale="per_pixel"),
            decoder=MLPDecoder(output_activation="sigmoid"),
        ).build((1, 4, 4), Domain.UNIT, 1)


def test_the_optimal_scale_is_the_root_of_the_batchs_mean_square() -> None:
    family = OptimalGaussianConfig().build(Domain.UNIT).double().train()
    loc, x = torch.rand(2, 5, 1, 3, 4, dtype=torch.float64)
    loc.requires_grad_()
    square = (x - loc.detach()).square().mean()
    ours = family(loc).log_prob(x)
    wanted = GaussianConfig(scale=math.sqrt(square)).build(Domain.UNIT).double()(loc).log_prob(x)
    torch.testing.assert_close(ours, wanted)
    # no other scale makes the batch more likely, and its gradient is that of the closed form
    for other in (0.9, 1.1):
        scale = math.sqrt(square) * other
        less = GaussianConfig(scale=scale).build(Domain.UNIT).double()(loc).log_prob(x)
        assert less.sum() < ours.sum()
    (gradient,) = torch.autograd.grad(ours.sum(), loc)
    through = -x.numel() / 2 * (x - loc).square().mean().log()
    torch.testing.assert_close(gradient, torch.autograd.grad(through, loc)[0])


def test_in_evaluation_the_optimal_scale_does_not_look_at_the_image() -> None:
    family = OptimalGaussianConfig().build(Domain.UNIT).double().train()
    loc = torch.zeros(4, 1, 2, 2, dtype=torch.float64)
    x = torch.full_like(loc, 0.1)
    before = family.scale.item()
    family(loc).log_prob(x)
    assert family.scale.item() == before  # asking changes nothing
    for _ in range(200):
        family.follow(family(loc), x)
    assert family.scale.item() == pytest.approx(0.1, rel=1e-6)
    family.eval()
    before = family.scale.item()
    x = torch.linspace(-30, 30, 400_001, dtype=torch.float64)
    density = family(loc[:1, :, :1, :1]).log_prob(x[:, None, None, None]).exp()
    assert torch.trapezoid(density, x).item() == pytest.approx(1, abs=1e-6)
    assert family.scale.item() == before


def test_levels_reach_the_encoder_between_0_and_1() -> None:
    config = VAEConfig(likelihood=DiscretizedLogisticConfig())
    torch.manual_seed(0)
    levels = config.build((1, 4, 4), Domain.LEVELS, 1).eval()
    x = torch.rand(3, 1, 4, 4)
    torch.testing.assert_close(levels.encode(255 * x).mean, levels.encoder(x, None).mean)


@pytest.mark.parametrize("limit", [1e-2, 1e-3])
@pytest.mark.parametrize("config", [
    GaussianConfig(), GaussianConfig(scale="per_pixel"), LaplaceConfig(),
    LaplaceConfig(scale="per_pixel"), OptimalGaussianConfig(),
], ids=str)  # fmt: skip
def test_a_density_without_a_bound_names_what_bounds_it(
    config: BaseLikelihood, limit: float
) -> None:
    chosen = config.model_copy(update={"floor": limit})
    assert f"at least {limit:g}" in chosen.limit_words
    family = chosen.build(Domain.UNIT).double().eval()
    for name, tensor in family.state_dict().items():
        tensor.fill_(-100 if name == "log_excess" else 0)
    params = torch.full((family.params_size(1), 1, 1), -100, dtype=torch.float64)
    highest = family(params).log_prob(params[:1]).item()  # at the location itself
    normal = not isinstance(config, LaplaceConfig)
    wanted = -math.log(limit) - (math.log(2 * math.pi) / 2 if normal else math.log(2))
    assert highest == pytest.approx(wanted, abs=0.03)


def test_a_probability_or_a_scale_that_is_given_needs_no_limit() -> None:
    for config in (GaussianConfig(scale=0.1), DiscretizedLogisticConfig(), CategoricalConfig(),
                   BernoulliConfig()):  # fmt: skip
        assert config.limit_words == ""
