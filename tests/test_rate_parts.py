"""The parts of the rate sum to it, and are what they are for codes made by hand."""

import math

import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal

from vaelab.data import Domain
from vaelab.data.feed import Feed
from vaelab.distributions import (
    BasePosterior,
    FullNormalConfig,
    IAFConfig,
    NormalMixtureConfig,
    log_aggregate,
    normal_mixture,
)
from vaelab.metrics import RatePartsMetric
from vaelab.models import VAEConfig
from vaelab.priors import ClassConditionalConfig
from vaelab.randomness import Purpose, generator
from vaelab.run import Run


@pytest.mark.parametrize(
    "posterior", [None, FullNormalConfig(), NormalMixtureConfig(components=4)], ids=str
)
def test_the_parts_sum_to_the_rate(trained: Run, posterior: BasePosterior | None) -> None:
    model, _ = trained.load_model()
    if posterior is not None:
        torch.manual_seed(0)
        model = VAEConfig(posterior=posterior).build((1, 8, 8), Domain.UNIT, 1).eval()
        with torch.no_grad():  # posteriors that differ from image to image
            model.encoder.heads[0].stack[0].weight.mul_(30)
    data = trained.experiment.data
    feed = Feed(data.load().test, data.pixels, 0)
    parts = {name: number.value for name, number in RatePartsMetric()(model, feed).items()}
    # the same samples' log q(z|x) - log p(z), by another way
    (batch,) = feed.batches(1000)
    draws = generator(0, Purpose.EVALUATION, 4)
    noise = torch.randn(1, len(feed), 2, generator=draws, dtype=torch.float64)
    level = model.terms(batch.x, noise=noise.float()).levels[0]
    sampled = (level.log_q - level.log_p).mean().item()
    whole = sum(
        parts[name]
        for name in ("index_code_mi_nats", "total_correlation_nats", "dimensionwise_kl_nats")
    )
    assert whole == pytest.approx(sampled, abs=1e-4)
    assert parts["aggregate_kl_nats"] == pytest.approx(
        parts["total_correlation_nats"] + parts["dimensionwise_kl_nats"], abs=1e-9
    )
    assert 0 < parts["index_code_mi_nats"] <= math.log(len(feed))


def test_a_code_that_names_the_image_has_all_its_information() -> None:
    loc = 100 * torch.eye(8, dtype=torch.float64)
    q = Independent(Normal(loc, torch.ones(8, 8, dtype=torch.float64)), 1)
    joint, _ = log_aggregate(q, loc)
    torch.testing.assert_close(q.log_prob(loc) - joint, torch.full((8,), math.log(8.0)).double())


def test_a_code_that_is_the_same_for_all_has_none() -> None:
    q = Independent(Normal(torch.zeros(9, 3).double(), torch.ones(9, 3).double()), 1)
    z = torch.randn(9, 3).double()
    joint, product = log_aggregate(q, z)
    torch.testing.assert_close(q.log_prob(z), joint)
    torch.testing.assert_close(joint, product)


def test_a_mixture_of_mixtures_is_the_mixture_of_all_components() -> None:
    draws = torch.Generator().manual_seed(0)
    logits, loc = (torch.randn(4, 2, *d, generator=draws).double() for d in ((), (3,)))
    q = normal_mixture(logits, loc, 0.3 + loc.abs())
    z = torch.randn(5, 3, generator=draws).double()
    joint, product = log_aggregate(q, z)
    torch.testing.assert_close(joint, q.log_prob(z[:, None]).exp().mean(1).log())
    marginals = [
        normal_mixture(logits, loc[..., k : k + 1], 0.3 + loc[..., k : k + 1].abs())
        .log_prob(z[:, None, k : k + 1]).exp().mean(1).log()
        for k in range(3)
    ]  # fmt: skip
    torch.testing.assert_close(product, torch.stack(marginals).sum(0))


def test_total_correlation_is_that_of_a_correlated_normal() -> None:
    """For one posterior, TC = -1/2 log det of its correlation matrix."""
    factor = torch.tensor([[1.0, 0], [0.8, 0.6]]).double()
    q = MultivariateNormal(torch.zeros(1, 2).double(), scale_tril=factor[None])
    z = q.sample(torch.Size([40_000]))[:, 0]
    joint, product = log_aggregate(q, z)
    assert (joint - product).mean().item() == pytest.approx(-0.5 * math.log(1 - 0.64), abs=0.02)


def test_where_it_cannot_be_had_it_is_absent(trained: Run) -> None:
    data = trained.experiment.data
    store = data.load()
    for config in (VAEConfig(prior=ClassConditionalConfig()), VAEConfig(posterior=IAFConfig())):
        model = config.build((1, 8, 8), data.pixels.domain, 10).eval()
        feed = Feed(store.test, data.pixels, model.classes)
        assert RatePartsMetric()(model, feed) == {}
    few = RatePartsMetric(images=50)
    model, _ = trained.load_model()
    number = few(model, Feed(store.test, data.pixels, 0))["aggregate_kl_nats"]
    assert "50 images" in number.estimator
