"""A Bernoulli model measured as a density of grey pixels."""

from pathlib import Path

import pytest
import torch
from scipy.stats import truncexpon

from tests.training.conftest import tiny
from vaelab.data import UnitPixels
from vaelab.data.feed import Feed
from vaelab.errors import BadCombinationError
from vaelab.randomness import Purpose, generator
from vaelab.reproduction.continuous import (
    AS_IT_IS,
    BOUND,
    MAPPED,
    AsContinuous,
    logits_of_mean,
    measure_as_continuous,
)
from vaelab.run import Run
from vaelab.training import train


def published_log_prob(x: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    """As github.com/cunningham-lab/cb_and_cc has it: log C(p) + x log p + (1 - x) log(1 - p)."""
    p = p.clamp(1e-4, 1 - 1e-4)
    log_c = (2 * torch.atanh(1 - 2 * p)).abs().log() - (1 - 2 * p).abs().log()
    return log_c + x * p.log() + (1 - x) * torch.log1p(-p)


def test_mapped_it_has_the_bernoullis_mean() -> None:
    for mean in torch.linspace(0.109, 0.891, 41, dtype=torch.float64):
        found = logits_of_mean(mean)
        if abs(found) > 1e-6:
            size = found.abs().item()
            mean_of_lower = truncexpon(size, scale=1 / size).mean()
            wanted = mean_of_lower if found < 0 else 1 - mean_of_lower
            assert mean.item() == pytest.approx(wanted, abs=1e-8)
        else:
            assert mean.item() == pytest.approx(0.5)
    extreme = logits_of_mean(torch.tensor([0.0, 1e-9, 1.0]))
    torch.testing.assert_close(extreme, torch.tensor([-BOUND, -BOUND, BOUND]))
    logits = torch.linspace(-2, 2, 12).reshape(3, 2, 2)
    image = AsContinuous(mapped=True)(logits)
    torch.testing.assert_close(image.mean, logits.sigmoid(), atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def coins(tmp_path_factory: pytest.TempPathFactory) -> Run:
    assignments = ["model.likelihood=bernoulli", "data.pixels=binary"]
    return train(tiny(*assignments), tmp_path_factory.mktemp("runs")).run


@torch.no_grad()
def test_the_bound_is_that_of_the_published_density(coins: Run) -> None:
    model = coins.load_model()[0]
    feed = Feed(coins.experiment.data.load().test, UnitPixels(dequantised=True), 0)
    (batch,) = feed.batches(len(feed))
    assert batch.x.min() > 0
    noise = torch.randn((1, len(feed), 2), generator=generator(0, Purpose.EVALUATION, 0))
    terms = model.terms(batch.x, noise=noise)
    logits = model.decode(terms.levels[0].z).base_dist.logits.double()
    mapped = logits_of_mean(logits.sigmoid())
    numbers = measure_as_continuous(coins)
    for name, parameters in ((AS_IT_IS, logits), (MAPPED, mapped)):
        each = published_log_prob(batch.x.double(), parameters.sigmoid())
        wanted = (each.sum((-3, -2, -1))[0] - terms.rate).mean().item()
        assert numbers[name].value == pytest.approx(wanted, rel=1e-5)
    assert numbers[MAPPED].value > numbers[AS_IT_IS].value


def test_another_likelihood_is_refused(tmp_path: Path) -> None:
    run = train(tiny("training.epochs=1"), tmp_path).run
    with pytest.raises(BadCombinationError, match="is no VAE with `likelihood"):
        measure_as_continuous(run)
