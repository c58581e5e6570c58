"""Metrics measure what they say, against models whose numbers are known."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float
from sklearn.dummy import DummyClassifier
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

import vaelab.data.loading.evaluation
from vaelab.data import BinaryPixels, Split, UnitPixels
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.distributions import rsample
from vaelab.likelihoods import BernoulliConfig, GaussianConfig
from vaelab.metrics import (
    ActiveUnitsMetric,
    BoundMetric,
    ImpliedScaleMetric,
    IWAEMetric,
    LinearProbeMetric,
    NeighboursMetric,
    Number,
    bound,
    codes,
    implied_scale,
)
from vaelab.metrics.codes import leave_one_out_accuracy
from vaelab.models import VAE, FlatLatent, Level, Terms, VAEConfig
from vaelab.networks import MLPDecoder, MLPEncoder
from vaelab.priors import VampConfig
from vaelab.randomness import Purpose, derived_seed, generator

SCALE, SHAPE, LATENT = 0.5, (1, 2, 3), 2


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    former = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(former)


def linear(**changes: object) -> VAE:
    """z ~ N(0, I), x = W z + b + SCALE noise, with a posterior that is not the exact one."""
    torch.manual_seed(0)
    settings = {
        "latent": LATENT,
        "encoder": MLPEncoder(widths=()),
        "decoder": MLPDecoder(widths=()),
        "likelihood": GaussianConfig(scale=SCALE),
    }
    config = VAEConfig(**{**settings, **changes})
    return config.build(SHAPE, min(config.likelihood.domains), 1)


def exact_log_prob(model: VAE, x: Tensor) -> Tensor:
    layer = model.decoder.trunk.stack[0]
    covariance = layer.weight @ layer.weight.T + SCALE**2 * torch.eye(6)
    return MultivariateNormal(layer.bias, covariance).log_prob(x.flatten(1)).detach()


def loader(images: int = 60, pixels: UnitPixels | BinaryPixels | None = None) -> EvalLoader:
    draws = np.random.default_rng(0)
    grey = draws.integers(0, 256, (images, *SHAPE), np.uint8)
    split = Split(grey, np.arange(images, dtype=np.int64) % 3)
    return EvalLoader(split, pixels or UnitPixels(), 0)


def everything(of: EvalLoader) -> Tensor:
    (batch,) = of.batches(len(of))
    return batch.x


# --- log-likelihood


def test_iwae_is_the_exact_negative_log_likelihood_within_its_error() -> None:
    model, images = linear(), loader()
    exact = -exact_log_prob(model, everything(images)).mean().item()
    values = [IWAEMetric(samples=4000, seed=seed)(model, images) for seed in range(8)]
    estimates = np.array([value["nll_iwae4000_nats"].value for value in values])
    error = estimates.std(ddof=1) / math.sqrt(len(estimates))
    assert error < 0.01
    assert estimates.mean() == pytest.approx(exact, abs=4 * error + 1e-3)
    few = IWAEMetric(samples=2)(model, images)["nll_iwae2_nats"].value
    one = BoundMetric(samples=200)(model, images)["elbo_nats"].value
    assert exact < few < -one


def test_the_effective_sample_size_is_of_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    model, images = linear(), loader(30)
    draws = generator(0, Purpose.IWAE)
    noise = torch.randn(50, 30, LATENT, generator=draws)
    weights = model.terms(everything(images), noise=noise).log_weights.exp()
    expected = (weights.sum(0) ** 2 / (weights**2).sum(0)).mean().item()
    number = IWAEMetric(samples=50)(model, images)["ess_iwae50"]
    assert number.value == pytest.approx(expected)
    assert number.unit == "of 50"
    assert 1 < number.value < 49
    set_exact_posterior(model)
    monkeypatch.setattr(bound, "DECODED_AT_ONCE", 7)  # in parts of K
    assert IWAEMetric(samples=50)(model, images)["ess_iwae50"].value == pytest.approx(50)


def test_its_standard_error_is_that_of_the_mean_over_images() -> None:
    model, images = linear(), loader(200)
    number = IWAEMetric(samples=3000)(model, images)["nll_iwae3000_nats"]
    exact = exact_log_prob(model, everything(images)).numpy()
    expected = exact.std(ddof=1) / math.sqrt(len(exact))
    assert number.standard_error == pytest.approx(expected, rel=0.02)


def test_the_mean_of_a_number_weighs_images_and_one_image_has_no_error() -> None:
    number = Number.mean(torch.tensor([1.0, 2.0, 6.0]), "nats", "by hand")
    assert number.value == 3
    assert number.standard_error == pytest.approx(math.sqrt(7) / math.sqrt(3))
    assert Number.mean(torch.tensor([4.0]), "nats", "by hand") == Number(4, "nats", "by hand")


def set_exact_posterior(model: VAE) -> None:
    """q(z|x) = p(z|x): W has orthogonal columns, so that its covariance is diagonal."""
    layer, head = model.decoder.trunk.stack[0], model.encoder.heads[0].stack[0]
    with torch.no_grad():
        layer.weight.copy_(torch.linalg.qr(layer.weight)[0])
        variance = 1 / (1 + 1 / SCALE**2)
        loc = variance / SCALE**2 * layer.weight.T
        head.weight.copy_(torch.cat([loc, torch.zeros_like(loc)]))
        head.bias.copy_(torch.cat([-loc @ layer.bias, torch.full((2,), math.log(variance))]))


@pytest.mark.parametrize(("samples", "at_once"), [(3, 5000), (3, 30), (7, 7), (10, 4), (9, 3)])
def test_batches_and_parts_leave_an_exact_estimate_exact(
    samples: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where q is p(z|x), every weight is p(x): any batch and any part of K gives the same."""
    model, images = linear(), loader(11)
    set_exact_posterior(model)
    monkeypatch.setattr(bound, "DECODED_AT_ONCE", at_once)
    number = IWAEMetric(samples=samples)(model, images)[f"nll_iwae{samples}_nats"]
    exact = -exact_log_prob(model, everything(images))
    assert number.value == pytest.approx(exact.mean().item(), abs=1e-6)
    assert number.standard_error == pytest.approx(exact.std().item() / math.sqrt(11), abs=1e-6)


@pytest.mark.slow
def test_parts_of_k_are_one_estimate_of_k(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts' weights are averaged before the logarithm, not after."""
    model, images = linear(), loader(4)
    whole = IWAEMetric(samples=20_000)(model, images)["nll_iwae20000_nats"].value
    monkeypatch.setattr(bound, "DECODED_AT_ONCE", 2)
    parts = IWAEMetric(samples=1501)(model, images)["nll_iwae1501_nats"].value
    averaged_after = IWAEMetric(samples=2)(model, images)["nll_iwae2_nats"].value
    assert parts == pytest.approx(whole, abs=0.05)
    assert averaged_after > whole + 0.2


def test_never_more_than_so_many_codes_are_decoded_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, images = linear(), loader(50)
    sizes = []
    model.decoder.register_forward_hook(lambda module, given, out: sizes.append(given[0].shape))
    monkeypatch.setattr(bound, "DECODED_AT_ONCE", 40)
    for samples in (1, 7, 100):
        sizes.clear()
        IWAEMetric(samples=samples)(model, images)
        assert max(shape[0] * shape[1] for shape in sizes) <= 40
        assert sum(shape[0] * shape[1] for shape in sizes) == 50 * samples


# --- distortion, rate, ELBO


def test_the_closed_form_rate_is_the_sum_over_dimensions() -> None:
    numbers = BoundMetric()(linear(latent=4), loader())
    rates = [numbers[f"rate_z{dim}_nats"].value for dim in range(1, 5)]
    assert numbers["rate_nats"].value == pytest.approx(sum(rates), abs=1e-12)
    assert min(rates) > 0
    assert "closed-form" in numbers["rate_nats"].estimator
    total = numbers["distortion_nats"].value + numbers["rate_nats"].value
    assert numbers["elbo_nats"].value == pytest.approx(-total, abs=1e-12)


def test_a_rate_without_closed_form_says_that_it_is_sampled() -> None:
    model = linear(prior=VampConfig(components=3))
    numbers = BoundMetric(samples=20)(model, loader())
    assert set(numbers) == {"distortion_nats", "rate_nats", "elbo_nats"}
    assert "20 " in numbers["rate_nats"].estimator
    assert "closed-form" not in numbers["rate_nats"].estimator


@pytest.mark.parametrize("size", [1, 7, 59, 1000])
def test_the_bound_weighs_images_and_not_batches(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, images = linear(), loader(60)
    x = everything(images)
    level = model.terms(x, noise=torch.zeros(1, 60, LATENT)).levels[0]
    monkeypatch.setattr(bound, "EVALUATED_AT_ONCE", size)
    numbers = BoundMetric()(model, images)
    assert numbers["rate_nats"].value == pytest.approx(level.kl.mean().item(), abs=1e-12)
    # a last batch of one image with a tenfold rate would show
    weighed = level.kl.std().item() / math.sqrt(60)
    assert numbers["rate_nats"].standard_error == pytest.approx(weighed, abs=1e-12)
    many = BoundMetric(samples=3000)(model, images)["distortion_nats"].value
    posterior, decoder = level.posterior, model.decoder.trunk.stack[0]
    error = (x - model.decode(posterior.mean).mean).square().flatten(1).sum(1)
    spread = (posterior.variance @ decoder.weight.square().T).sum(1)
    # E (x - W z - b)^2 = (x - W loc - b)^2 + sum_j W_j^2 scale_j^2
    exact = (error + spread) / (2 * SCALE**2) + 3 * math.log(2 * math.pi * SCALE**2)
    assert many == pytest.approx(exact.mean().item(), abs=0.02)


def test_drawn_pixels_are_the_same_at_every_evaluation_and_in_every_batch() -> None:
    images = loader(40, BinaryPixels(mode="dynamic"))
    whole = everything(images)
    assert set(whole.unique().tolist()) == {0.0, 1.0}
    for size in (1, 7, 40):
        assert torch.equal(torch.cat([batch.x for batch in images.batches(size)]), whole)
    assert whole.mean() == pytest.approx((images.images(slice(None)) / 255).mean().item(), abs=0.1)
    model = linear(likelihood=BernoulliConfig(), encoder=MLPEncoder(widths=(5,)))
    assert BoundMetric()(model, images) == BoundMetric()(model, images)


def test_drawn_pixels_and_posterior_noise_share_no_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the noise of an image would know its pixels."""
    used: list[tuple[object, ...]] = []

    def listen(
        seed: int, purpose: Purpose, step: int | None = None, device: object = "cpu"
    ) -> torch.Generator:
        used.append((seed, purpose, step))
        return generator(seed, purpose, step)

    for module in (vaelab.data.loading.evaluation, bound, implied_scale):
        monkeypatch.setattr(module, "generator", listen)
    model, images = linear(), loader(8, BinaryPixels(mode="dynamic"))
    streams = []
    for metric in (BoundMetric(), IWAEMetric(samples=2), ImpliedScaleMetric()):
        used.clear()
        metric(model, images)
        streams.append(set(used))
    pixels = set.intersection(*streams)
    assert len(pixels) == 1
    assert [len(stream - pixels) for stream in streams] == [1, 1, 1]
    assert len(set.union(*streams)) == 4


def test_no_two_purposes_share_a_seed() -> None:
    seeds = {derived_seed(0, purpose) for purpose in Purpose}
    assert len(seeds) == len(Purpose.__members__)
    assert derived_seed(0, Purpose.ORDER, 1) not in seeds
    with pytest.raises(ValueError, match="BOUND has no steps"):
        derived_seed(0, Purpose.BOUND, 1)


# --- codes


class ByHand(FlatLatent):
    """Codes are the first pixels of the image; decoded they are a picture of one grey."""

    def __init__(self, latent: int, gains: tuple[float, ...], spread: float) -> None:
        super().__init__()
        self.latent, self.image_shape, self.classes = latent, SHAPE, 0
        self.gains, self.spread = torch.tensor(gains), spread
        self.unused = nn.Parameter(torch.zeros(()))

    def encode(
        self, x: Float[Tensor, "b c h w"], context: Float[Tensor, "b classes"] | None = None
    ) -> Distribution:
        loc = x.flatten(1)[:, : self.latent] * self.gains
        return Independent(Normal(loc, torch.full_like(loc, self.spread)), 1)

    def decode(
        self, z: Float[Tensor, "... d"], context: Float[Tensor, "... classes"] | None = None
    ) -> Distribution:
        mean = z[..., :1, None, None].expand(*z.shape[:-1], *SHAPE)
        return Independent(Normal(mean, 1.0), 3)

    def terms(
        self,
        x: Float[Tensor, "b c h w"],
        context: Float[Tensor, "b classes"] | None = None,
        *,
        noise: Float[Tensor, "k b d"],
    ) -> Terms:
        posterior = self.encode(x)
        z = rsample(posterior, noise)
        prior = Independent(Normal(torch.zeros(self.latent), 1.0), 1)
        return Terms(self.decode(z).log_prob(x), (Level(z, posterior, prior),))

    def sample(self, num: int, context: Float[Tensor, "n classes"] | None = None) -> Distribution:
        return self.decode(torch.randn(num, self.latent))


def test_active_units_are_those_whose_mean_varies() -> None:
    images = loader(300)
    variance = everything(images).flatten(1)[:, :4].var(0, correction=0)  # about 1/12
    gains = (1.0, 0.0, 0.3, 2.0)
    expected = (variance.numpy() * np.square(gains) > 0.01).sum()
    assert expected == 2
    model = ByHand(4, gains, spread=5.0)
    number = ActiveUnitsMetric()(model, images)["active_units"]
    assert number.value == expected
    assert number.unit.startswith("of 4")
    assert ActiveUnitsMetric(threshold=1e-4)(model, images)["active_units"].value == 3


@pytest.mark.parametrize("size", [7, 500])
def test_codes_are_measured_in_batches_of_any_size(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, model = loader(60), ByHand(2, (1.0, 1.0), 0.1)
    monkeypatch.setattr(vaelab.data.loading.evaluation, "EVALUATED_AT_ONCE", size)
    found = codes.posterior_means(model, images)
    np.testing.assert_array_equal(found, everything(images).flatten(1)[:, :2].numpy())


def brute_force(points: np.ndarray, labels: np.ndarray, neighbours: int) -> float:
    """Majority of the nearest others; the smallest label of several with as many votes."""
    right = 0
    for i, point in enumerate(points):
        distance = np.square(points - point).sum(1)
        distance[i] = np.inf
        votes = labels[np.argsort(distance, kind="stable")[:neighbours]]
        right += np.bincount(votes).argmax() == labels[i]
    return right / len(points)


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    count=st.integers(3, 60),
    dims=st.integers(1, 20),
    classes=st.integers(2, 5),
    neighbours=st.integers(1, 7),
)
def test_leave_one_out_accuracy_is_what_brute_force_finds(
    seed: int, count: int, dims: int, classes: int, neighbours: int
) -> None:
    draws = np.random.default_rng(seed)
    neighbours = min(neighbours, count - 1)
    labels = draws.integers(0, classes, count)
    points = draws.normal(size=(count, dims)) + labels[:, None]
    found = leave_one_out_accuracy(points, labels, neighbours)
    assert found == pytest.approx(brute_force(points, labels, neighbours), abs=1e-12)


def test_neighbours_of_one_class_or_of_too_few_images_have_no_accuracy() -> None:
    model = ByHand(2, (1.0, 1.0), 0.1)
    one = EvalLoader(Split(np.zeros((9, *SHAPE), np.uint8), np.zeros(9, np.int64)), UnitPixels(), 0)
    assert NeighboursMetric()(model, one) == {}
    assert NeighboursMetric(neighbours=5)(model, loader(5)) == {}
    assert NeighboursMetric(neighbours=4)(model, loader(5)).keys() == {"knn4_accuracy"}


def test_accuracies_stand_beside_what_a_guess_gets() -> None:
    images = loader(60)
    truth = images.labels.numpy()
    guess = DummyClassifier(strategy="most_frequent").fit(truth[:, None], truth)
    words = f"guessing the largest class: {guess.score(truth[:, None], truth):.3f}"
    for metric in (NeighboursMetric(), LinearProbeMetric(folds=2)):
        (number,) = metric(ByHand(2, (1.0, 1.0), 0.1), images).values()
        assert number.estimator.endswith(words)


# --- implied scale


@pytest.mark.parametrize("size", [9, 500])
def test_the_implied_scale_is_the_root_of_the_mean_squared_error(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decoder of one grey with a posterior without width: the error is that grey's."""
    images = loader(60)
    monkeypatch.setattr(vaelab.data.loading.evaluation, "EVALUATED_AT_ONCE", size)
    x = everything(images).flatten(1)
    numbers = ImpliedScaleMetric()(ByHand(1, (1.0,), spread=1e-12), images)
    mse = (x - x[:, :1]).square().mean().item()
    assert numbers["mse_per_pixel"].value == pytest.approx(mse, abs=1e-9)
    assert numbers["implied_gaussian_scale"].value == pytest.approx(math.sqrt(mse), abs=1e-9)


def test_the_implied_scale_counts_the_width_of_the_posterior() -> None:
    """A sample is decoded and not the mean: E (x - z)^2 = (x - loc)^2 + scale^2."""
    images, spread = loader(5000), 0.7
    x = everything(images).flatten(1)
    numbers = ImpliedScaleMetric()(ByHand(1, (1.0,), spread), images)
    expected = (x - x[:, :1]).square().mean().item() + spread**2
    assert numbers["mse_per_pixel"].value == pytest.approx(expected, rel=0.05)
