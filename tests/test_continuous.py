"""A Bernoulli model measured as a density of grey pixels."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.conftest import tiny
from vaelab.data import UnitPixels
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.errors import BadCombinationError
from vaelab.lessons.reproduction import (
    AS_IT_IS,
    LIMIT,
    MAPPED,
    Mapped,
    mapped_logits,
    measure_as_continuous,
)
from vaelab.randomness import Purpose, generator
from vaelab.runs.run import Run
from vaelab.training import train


def published_log_prob(x: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    """As github.com/cunningham-lab/cb_and_cc has it: log C(p) + x log p + (1 - x) log(1 - p)."""
    p = p.clamp(1e-4, 1 - 1e-4)
    log_c = (2 * torch.atanh(1 - 2 * p)).abs().log() - (1 - 2 * p).abs().log()
    return log_c + x * p.log() + (1 - x) * torch.log1p(-p)


def published_map(mean: np.ndarray) -> np.ndarray:
    """As it has p of a mean: a line between the knots on either side, cut off."""
    knots = np.linspace(0, 1 + 1e-4, 100)
    inner = knots[1:-1]
    means = inner / (2 * inner - 1) + 1 / (2 * np.arctanh(1 - 2 * inner))
    means = np.concatenate([[0], means, knots[-1:]])
    place = np.searchsorted(means, mean, side="right") - 1
    slope = (knots[place + 1] - knots[place]) / (means[place + 1] - means[place])
    return np.clip(knots[place] + slope * (mean - means[place]), 1e-4, 1 - 1e-4)


def test_the_map_is_the_published_one_and_nearly_keeps_the_mean() -> None:
    mean = torch.linspace(1e-4, 1 - 1e-4, 1001, dtype=torch.float64)
    found = mapped_logits(mean)
    np.testing.assert_allclose(found.sigmoid(), published_map(mean.numpy()), rtol=1e-9)
    extreme = mapped_logits(torch.tensor([0.0, 1.0]))
    bound = Mapped(LIMIT).bound
    assert extreme.tolist() == pytest.approx([-bound, bound], abs=2e-3)
    logits = torch.linspace(-1, 1, 12).reshape(3, 2, 2)
    image = Mapped(LIMIT)(logits)
    torch.testing.assert_close(image.mean, logits.sigmoid(), atol=2e-3, rtol=0)


@pytest.fixture(scope="module")
def coins(tmp_path_factory: pytest.TempPathFactory) -> Run:
    assignments = ["model.likelihood=bernoulli", "data.pixels=binary"]
    return train(tiny(*assignments), tmp_path_factory.mktemp("runs")).run


@torch.no_grad()
def test_the_bound_is_that_of_the_published_density(coins: Run) -> None:
    model = coins.load_model()[0]
    loader = EvalLoader(coins.experiment.data.load().test, UnitPixels(dequantised=True), 0)
    (batch,) = loader.batches(len(loader))
    assert batch.x.min() > 0
    noise = torch.randn((1, len(loader), 2), generator=generator(0, Purpose.BOUND))
    terms = model.terms(batch.x, noise=noise)
    logits = model.decode(terms.levels[0].z).base_dist.logits.double()
    mapped = torch.from_numpy(published_map(logits.sigmoid().clamp(1e-4, 1 - 1e-4).numpy())).logit()
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
