"""The continuous Bernoulli from its logit, against fifty digits and against PyTorch's."""

import math

import mpmath
import numpy as np
import pytest
import torch
from scipy.stats import truncexpon
from torch.distributions import ContinuousBernoulli as PyTorchs

from vaelab.data import Domain
from vaelab.likelihoods import ContinuousBernoulliConfig
from vaelab.likelihoods.bernoulli import ContinuousBernoulli

mpmath.mp.dps = 50
LOGITS = [
    *(sign * size for sign in (-1, 1) for size in (60.0, 31.5, 16.0, 15.0, 9.3, 9.2, 3.0, 1.0)),
    *(sign * size for sign in (-1, 1) for size in (0.26, 0.24, 0.1, 1e-2, 1e-4, 1e-9)), 0.0,
]  # fmt: skip
PIXELS = [0.0, 1e-3, 1 / 255, 0.25, 0.5, 0.9, 254 / 255, 1.0]
LIMIT = 1e-4


def exact_log_prob(x: float, logit: float) -> mpmath.mpf:
    """Log of l exp(l x) / (exp(l) - 1), from the floats as they are."""
    at = mpmath.mpf(logit)
    return at * mpmath.mpf(x) - mpmath.log(mpmath.expm1(at) / at) if at else mpmath.mpf(0)


def exact_mean(logit: float) -> mpmath.mpf:
    at = mpmath.mpf(logit)
    return 1 / (1 - mpmath.exp(-at)) - 1 / at if at else mpmath.mpf(1) / 2


def held(logit: float) -> mpmath.mpf:
    """The logit of p cut off at the limit."""
    bound = mpmath.log((1 - mpmath.mpf(LIMIT)) / mpmath.mpf(LIMIT))
    return min(max(mpmath.mpf(logit), -bound), bound)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("logit", LOGITS)
def test_its_log_density_and_mean_are_exact_at_every_logit(
    logit: float, dtype: torch.dtype
) -> None:
    given, x = torch.tensor(logit, dtype=dtype), torch.tensor(PIXELS, dtype=dtype)
    q = ContinuousBernoulli(given)
    rounding = torch.finfo(dtype).eps
    for found, pixel in zip(q.log_prob(x).tolist(), x.tolist(), strict=True):
        wanted = exact_log_prob(pixel, given.item())
        assert abs(found - wanted) <= 4 * rounding * max(1, abs(wanted)), pixel
    assert abs(q.mean.item() - exact_mean(given.item())) <= 4 * rounding
    limited = ContinuousBernoulliConfig().build(Domain.UNIT)(given.reshape(1, 1, 1))
    for found, pixel in zip(limited.log_prob(x[:, None, None, None]), x.tolist(), strict=True):
        wanted = exact_log_prob(pixel, held(given.item()))
        assert abs(found.item() - wanted) <= 4 * rounding * max(1, abs(wanted)), pixel
    assert limited.mean.item() == q.mean.item()


@pytest.mark.parametrize("limit", [0, LIMIT])
@pytest.mark.parametrize("logit", LOGITS)
def test_it_integrates_to_one(logit: float, limit: float) -> None:
    q = ContinuousBernoulliConfig(limit=limit).build(Domain.UNIT)(torch.full((1, 1, 1), logit))
    nodes, weights = map(torch.tensor, np.polynomial.legendre.leggauss(60))
    x = ((nodes + 1) / 2).float()[:, None, None, None]
    integral = (q.log_prob(x).double().exp() * weights / 2).sum()
    assert integral.item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("logit", LOGITS)
def test_its_gradient_is_that_of_an_exponential_family(logit: float) -> None:
    given = torch.tensor(logit, requires_grad=True)
    x = torch.tensor(PIXELS)
    for bound in (math.inf, 9.21):
        # d log p / d l = x - E[x]; none where the limit holds l
        found = [
            torch.autograd.grad(ContinuousBernoulli(given, bound).log_prob(one), given)[0].item()
            for one in x
        ]
        inside = abs(logit) < bound
        wanted = [float(pixel - exact_mean(logit)) if inside else 0.0 for pixel in x.tolist()]
        assert found == pytest.approx(wanted, abs=1e-6)


def test_the_same_density_as_pytorchs_away_from_its_series_and_its_limit() -> None:
    logits = torch.tensor([-12.0, -4, -1, 0.5, 3, 9], dtype=torch.float64)[:, None]
    x = torch.linspace(0, 1, 11, dtype=torch.float64)
    ours, theirs = ContinuousBernoulli(logits), PyTorchs(logits=logits)
    torch.testing.assert_close(ours.log_prob(x), theirs.log_prob(x))
    torch.testing.assert_close(ours.mean, theirs.mean)


def test_black_is_decoded_as_black() -> None:
    family = ContinuousBernoulliConfig().build(Domain.UNIT)
    means = family(torch.tensor([-192.0, -1e6, 1e6]).reshape(3, 1, 1)).mean.flatten()
    assert means.tolist() == pytest.approx([1 / 192, 1e-6, 1 - 1e-6], abs=1e-7)


@pytest.mark.parametrize("logit", [-40.0, -2.0, 0.0, 1e-9, 0.3, 15.0])
def test_its_draws_follow_the_density(logit: float) -> None:
    torch.manual_seed(0)
    drawn = ContinuousBernoulli(torch.tensor(logit)).sample((20_000,)).double()
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    distance = drawn if logit < 0 else 1 - drawn
    size = max(abs(logit), 1e-6)
    theirs = truncexpon(size, scale=1 / size)
    for quantile in (0.1, 0.5, 0.9):
        found = (distance <= theirs.ppf(quantile)).double().mean().item()
        assert found == pytest.approx(quantile, abs=0.015)


def test_what_its_numbers_depend_on_is_said() -> None:
    assert ContinuousBernoulliConfig().limit_words == "p at least 0.0001 from 0 and 1"
    assert ContinuousBernoulliConfig(limit=0).limit_words == "p without a limit"
    black = torch.zeros(1, 1, 1)
    for limit in (1e-4, 1e-7):
        family = ContinuousBernoulliConfig(limit=limit).build(Domain.UNIT)
        highest = family(torch.full((1, 1, 1), -100.0)).log_prob(black).item()
        assert highest == pytest.approx(float(exact_log_prob(0, math.log(limit / (1 - limit)))))
