"""The parts of the rate sum to it, and are what they are for codes made by hand."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal

from vaelab.data import Domain, Split, UnitPixels
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.distributions import (
    BasePosterior,
    FullNormalConfig,
    IAFConfig,
    NormalMixtureConfig,
    log_aggregate,
    log_others,
    normal_mixture,
)
from vaelab.metrics import RatePartsMetric
from vaelab.models import VAE, VAEConfig
from vaelab.networks import MLPEncoder
from vaelab.priors import (
    BasePrior,
    ClassConditionalConfig,
    FlowConfig,
    MixtureConfig,
    StandardNormalConfig,
    VampConfig,
)
from vaelab.randomness import Purpose, generator
from vaelab.runs.run import Run


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
    loader = EvalLoader(data.load().test, data.pixels, 0)
    parts = {name: number.value for name, number in RatePartsMetric()(model, loader).items()}
    # the same samples' log q(z|x) - log p(z), by another way
    (batch,) = loader.batches(1000)
    draws = generator(0, Purpose.RATE_PARTS)
    noise = torch.randn(1, len(loader), 2, generator=draws, dtype=torch.float64)
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
    assert 0 < parts["index_code_mi_nats"] <= math.log(len(loader))


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


PRIORS = (StandardNormalConfig(), MixtureConfig(components=4), VampConfig(components=6),
          FlowConfig())  # fmt: skip


@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: prior.kind)
def test_what_is_called_a_kl_is_none_below_zero(prior: BasePrior, trained: Run) -> None:
    """Whatever the prior; of one that is no product the marginals' KL to it does not exist."""
    torch.manual_seed(1)
    model = VAEConfig(latent=4, prior=prior).build((1, 8, 8), Domain.UNIT, 1).eval()
    with torch.no_grad():
        model.encoder.heads[0].stack[0].weight.mul_(20)  # codes that differ from image to image
        for parameter in model.prior.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    data = trained.experiment.data
    numbers = RatePartsMetric()(model, EvalLoader(data.load().test, data.pixels, 0))
    assert ("dimensionwise_kl_nats" in numbers) is (prior.kind == "standard_normal")
    assert {"index_code_mi_nats", "total_correlation_nats", "aggregate_kl_nats"} <= numbers.keys()
    for name, number in numbers.items():
        assert number.standard_error is not None
        assert number.value > -3 * number.standard_error, name


def linear_gaussian(
    spread: float, images: int
) -> tuple[VAE, EvalLoader, torch.Tensor, torch.Tensor]:
    """z = A x + spread noise of uniform pixels x: A x of 64 of them is normal to 1e-3.

    Returns:
        A model, its images, and mean and covariance of q(z).
    """
    torch.manual_seed(3)
    model = VAEConfig(latent=3, encoder=MLPEncoder(widths=())).build((1, 8, 8), Domain.UNIT, 1)
    layer = model.encoder.heads[0].stack[0]
    with torch.no_grad():
        weight = torch.linalg.qr(torch.randn(64, 3))[0].T * 12**0.5  # of variance 1
        weight = torch.tensor([[1.0, 0, 0], [0.7, 0.51**0.5, 0], [0, 0, 0.3]]) @ weight
        layer.weight.copy_(torch.cat([weight, torch.zeros(3, 64)]))
        offset = torch.tensor([0.2, -0.1, 0.0]) - weight.sum(1) / 2
        layer.bias.copy_(torch.cat([offset, torch.full((3,), 2 * math.log(spread))]))
    grey = np.random.default_rng(0).integers(0, 256, (images, 1, 8, 8), np.uint8)
    split = Split(grey, np.zeros(images, np.int64))
    wide = (weight @ weight.T / 12 * (256 / 255) ** 2).double()
    covariance = wide + spread**2 * torch.eye(3)
    return (
        model.eval(),
        EvalLoader(split, UnitPixels(), 0),
        torch.tensor([0.2, -0.1, 0]),
        covariance,
    )


def test_the_parts_of_a_linear_gaussian_model_close_in_on_their_closed_forms() -> None:
    exact: dict[str, float] = {}
    lower, upper, total = [], [], []
    for images in (30, 300, 3_000):
        model, loader, mean, covariance = linear_gaussian(0.5, images)
        variances = covariance.diagonal()
        exact["information"] = 0.5 * (covariance.logdet() - 3 * math.log(0.25)).item()
        exact["total"] = 0.5 * (variances.log().sum() - covariance.logdet()).item()
        marginal = 0.5 * (variances + mean**2 - 1 - variances.log()).sum().item()
        numbers = {name: number.value for name, number in RatePartsMetric()(model, loader).items()}
        lower.append(numbers["index_code_mi_nats"])
        upper.append(numbers["index_code_mi_upper_nats"])
        total.append(numbers["total_correlation_nats"])
    gaps = [high - low for low, high in zip(lower, upper, strict=True)]
    assert gaps[0] > 5 * gaps[1] > 25 * gaps[2] > 0
    assert lower[0] < exact["information"] < upper[0]
    assert lower[-1] == pytest.approx(exact["information"], abs=0.06)
    assert upper[-1] == pytest.approx(exact["information"], abs=0.06)
    assert total[-1] == pytest.approx(exact["total"], abs=0.06)
    assert numbers["dimensionwise_kl_nats"] == pytest.approx(marginal, abs=0.05)
    assert numbers["aggregate_kl_nats"] == pytest.approx(exact["total"] + marginal, abs=0.1)


def test_at_its_ceiling_the_mutual_information_says_so() -> None:
    model, loader, _, covariance = linear_gaussian(0.01, 200)
    exact = 0.5 * (covariance.logdet() - 3 * math.log(1e-4)).item()
    numbers = RatePartsMetric()(model, loader)
    lower, upper = numbers["index_code_mi_nats"], numbers["index_code_mi_upper_nats"]
    assert lower.value == pytest.approx(math.log(200), rel=0.01)
    assert lower.estimator == "1 sample each of 200 images; at most log 200 = 5.30, saturated"
    assert exact > 9
    assert upper.value > exact
    assert upper.estimator.endswith("; the rate, closer than the leave-one-out bound")
    rate = lower.value + numbers["aggregate_kl_nats"].value
    assert upper.value == pytest.approx(rate)
    for name in ("total_correlation_nats", "aggregate_kl_nats"):
        assert numbers[name].estimator.endswith("too large: I(x; z) is saturated")
    few = RatePartsMetric()(*linear_gaussian(1.0, 2_000)[:2])
    assert few["index_code_mi_nats"].estimator.endswith("at most log 2,000 = 7.60")
    assert few["index_code_mi_upper_nats"].estimator.endswith("leave-one-out bound")
    assert few["aggregate_kl_nats"].estimator == "1 sample each of 2,000 images"


def test_leaving_the_own_posterior_out_is_the_mixture_of_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    q = Independent(Normal(torch.randn(7, 2).double(), torch.rand(7, 2).double() + 0.1), 1)
    z = q.sample()
    each = q.log_prob(z[:, None]).exp()
    expected = ((each.sum(1) - each.diagonal()) / 6).log()
    torch.testing.assert_close(log_others(q, z), expected)
    monkeypatch.setattr("vaelab.distributions.aggregate.AT_ONCE", 30)
    torch.testing.assert_close(log_others(q, z), expected)


def test_where_it_cannot_be_had_it_is_absent(trained: Run) -> None:
    data = trained.experiment.data
    store = data.load()
    for config in (VAEConfig(prior=ClassConditionalConfig()), VAEConfig(posterior=IAFConfig())):
        model = config.build((1, 8, 8), data.pixels.domain, 10).eval()
        loader = EvalLoader(store.test, data.pixels, model.classes)
        assert RatePartsMetric()(model, loader) == {}
    few = RatePartsMetric(images=50)
    model, _ = trained.load_model()
    number = few(model, EvalLoader(store.test, data.pixels, 0))["aggregate_kl_nats"]
    assert "50 images" in number.estimator
    one = EvalLoader(store.test.select(np.arange(1)), data.pixels, 0)
    assert few(model, one) == {}
