"""A Bernoulli model measured as a density of grey pixels."""

from pathlib import Path

import pytest
import torch
from torch.distributions import ContinuousBernoulli

from tests.training.conftest import tiny
from vaelab.data import UnitPixels
from vaelab.data.feed import Feed
from vaelab.errors import BadCombinationError
from vaelab.randomness import Purpose, generator
from vaelab.reproduction.continuous import (
    AS_IT_IS,
    LARGEST,
    MAPPED,
    AsContinuous,
    logits_of_mean,
    mean_of_logits,
    measure_as_continuous,
)
from vaelab.run import Run
from vaelab.training import train


def test_the_mean_is_that_of_torch() -> None:
    logits = torch.linspace(-30, 30, 601, dtype=torch.float64)
    torch.testing.assert_close(mean_of_logits(logits), ContinuousBernoulli(logits=logits).mean,
                               atol=1e-6, rtol=1e-6)  # fmt: skip
    small = torch.tensor([-1e-9, 0.0, 1e-6, 0.99e-4, 1.01e-4], dtype=torch.float64)
    torch.testing.assert_close(mean_of_logits(small), 0.5 + small / 12, atol=1e-10, rtol=0)


def test_mapped_it_has_the_bernoullis_mean() -> None:
    mean = torch.linspace(0.065, 0.935, 101, dtype=torch.float64)
    torch.testing.assert_close(mean_of_logits(logits_of_mean(mean)), mean)
    extreme = logits_of_mean(torch.tensor([0.0, 1e-9, 1.0]))
    torch.testing.assert_close(extreme, torch.tensor([-LARGEST, -LARGEST, LARGEST]))
    logits = torch.linspace(-2.5, 2.5, 12).reshape(3, 2, 2)
    image = AsContinuous(mapped=True)(logits)
    torch.testing.assert_close(image.mean, logits.sigmoid(), atol=1e-4, rtol=0)
    as_it_is = AsContinuous(mapped=False)(logits)
    torch.testing.assert_close(as_it_is.base_dist.probs, logits.sigmoid())


@pytest.fixture(scope="module")
def coins(tmp_path_factory: pytest.TempPathFactory) -> Run:
    assignments = ["model.likelihood=bernoulli", "data.pixels=binary"]
    return train(tiny(*assignments), tmp_path_factory.mktemp("runs")).run


@torch.no_grad()
def test_the_bound_is_that_of_the_density(coins: Run) -> None:
    model = coins.load_model()[0]
    test = coins.experiment.data.load().test
    x = Feed(test, UnitPixels(), 0).pixels(torch.from_numpy(test.images))
    draws = generator(0, Purpose.EVALUATION, 0)
    noise = torch.randn((1, len(x), 2), generator=draws)
    terms = model.terms(x, noise=noise)
    logits = model.decode(terms.levels[0].z).base_dist.logits
    mapped = logits_of_mean(logits.sigmoid())
    numbers = measure_as_continuous(coins)
    for name, parameters in ((AS_IT_IS, logits), (MAPPED, mapped)):
        density = ContinuousBernoulli(logits=parameters).log_prob(x).sum((-3, -2, -1))[0]
        assert numbers[name].value == pytest.approx((density - terms.rate).mean().item(), rel=1e-4)
    assert numbers[MAPPED].value > numbers[AS_IT_IS].value


def test_another_likelihood_is_refused(tmp_path: Path) -> None:
    run = train(tiny("training.epochs=1"), tmp_path).run
    with pytest.raises(BadCombinationError, match="is no VAE with `likelihood"):
        measure_as_continuous(run)
