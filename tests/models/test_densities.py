"""Every density integrates to one, over the domain it is a density on."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vaelab.data import Domain
from vaelab.distributions import DiagonalNormal, rsample
from vaelab.distributions.normal import LOG_VARIANCE_BOUND, soft_bound
from vaelab.errors import BadCombinationError
from vaelab.likelihoods import (
    BernoulliConfig,
    ContinuousBernoulliConfig,
    GaussianConfig,
    LaplaceConfig,
)

GRIDS = {
    "real": torch.linspace(-30, 30, 600_001, dtype=torch.float64),
    "unit": torch.linspace(0, 1, 20_001, dtype=torch.float64),
}
OUTPUTS = (-6.0, -0.3, 0.0, 1e-4, 0.8, 5.0)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(
    ("config", "grid"),
    [
        (GaussianConfig(scale=0.0626), "real"),
        (GaussianConfig(scale="learned"), "real"),
        (LaplaceConfig(scale=0.3), "real"),
        (ContinuousBernoulliConfig(), "unit"),
    ],
)
def test_densities_integrate_to_one(config, grid: str, output: float) -> None:
    likelihood = config.build(Domain.UNIT).double()
    x = GRIDS[grid]
    params = torch.full((1, 1, 1), output, dtype=torch.float64)
    density = likelihood(params).log_prob(x[:, None, None, None]).exp()
    assert torch.trapezoid(density, x).item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("output", OUTPUTS)
def test_bernoulli_sums_to_one(output: float) -> None:
    likelihood = BernoulliConfig().build(Domain.BINARY)
    params = torch.full((1, 1, 2), output)
    images = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]).reshape(4, 1, 1, 2)
    assert likelihood(params).log_prob(images).exp().sum().item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("mode", ["log_variance", "abs"])
def test_posterior_integrates_to_one(mode) -> None:
    q = DiagonalNormal(mode)(torch.tensor([[0.3, -0.7]], dtype=torch.float64))
    z = torch.linspace(-20, 20, 200_001, dtype=torch.float64)
    assert torch.trapezoid(q.log_prob(z[:, None]).exp(), z).item() == pytest.approx(1, abs=1e-6)


def test_a_sample_is_loc_plus_scale_times_noise() -> None:
    q = DiagonalNormal("abs")(torch.tensor([[1.0, 2, -3, 4]]))
    torch.testing.assert_close(q.stddev, torch.tensor([[3.0, 4]]))
    z = rsample(q, torch.tensor([[[1.0, -1]], [[0, 2]]]))
    torch.testing.assert_close(z, torch.tensor([[[4.0, -2]], [[1, 10]]]))


@given(st.floats(-1e30, 1e30))
def test_log_variance_cannot_overflow(value: float) -> None:
    q = DiagonalNormal("log_variance")(torch.tensor([0.0, value]))
    assert torch.isfinite(q.entropy())
    assert q.stddev.item() > 0


@given(st.floats(-5, 5))
def test_the_bound_leaves_usual_values_alone(value: float) -> None:
    bounded = soft_bound(torch.tensor(value, dtype=torch.float64), LOG_VARIANCE_BOUND)
    assert abs(bounded.item() - value) < 1e-6


def test_learned_scale_has_a_floor_and_starts_at_a_quarter_of_the_range() -> None:
    likelihood = GaussianConfig(floor=0.01).build(Domain.SIGNED)
    assert likelihood.scale.item() == pytest.approx(0.5)
    with torch.no_grad():
        likelihood.log_excess.fill_(-100)
    assert likelihood.scale.item() == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("config", "domain"),
    [
        (BernoulliConfig(), Domain.UNIT),
        (BernoulliConfig(), Domain.SIGNED),
        (ContinuousBernoulliConfig(), Domain.SIGNED),
        (ContinuousBernoulliConfig(), Domain.LEVELS),
    ],
)
def test_pixels_a_likelihood_is_not_defined_on_are_refused(config, domain: Domain) -> None:
    with pytest.raises(BadCombinationError, match=rf"{config.kind}.*{domain}.*use `pixels"):
        config.check(domain)


def test_laplace_is_absolute_error() -> None:
    likelihood = LaplaceConfig(scale=0.2).build(Domain.UNIT)
    x, loc = torch.rand(3, 1, 2, 2), torch.rand(3, 1, 2, 2)
    expected = -(x - loc).abs().flatten(1).sum(1) / 0.2 - 4 * math.log(0.4)
    torch.testing.assert_close(likelihood(loc).log_prob(x), expected)
