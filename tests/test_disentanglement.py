"""Scores of disentanglement: 1 for a code that is the factors, near 0 for noise, between for a mix.

Each against cases computed by hand.
"""

import math

import numpy as np
import pytest
import torch

from vaelab.data import DigitsData, Split, SpritesData, UnitPixels
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.distributions import FullNormalConfig, IAFConfig
from vaelab.metrics import (
    BaseMetric,
    DCIMetric,
    MIGHistogramMetric,
    MIGPosteriorMetric,
    ModularityMetric,
    SAPMetric,
)
from vaelab.metrics.information import (
    Factors,
    binned_information,
    known_factors,
    mean_gap,
    modularity,
    posterior_information,
)
from vaelab.metrics.prediction import concentration, predict, predictability
from vaelab.models import VAEConfig

ALL = (MIGPosteriorMetric(), MIGHistogramMetric(), DCIMetric(), SAPMetric(), ModularityMetric())
LOG2 = math.log(2)


def grid(*sizes: int, copies: int = 1, categorical: int | None = None) -> Factors:
    """Every combination, each some times over."""
    values = np.indices((*sizes, copies)).reshape(len(sizes) + 1, -1).T[:, :-1]
    return Factors(np.ascontiguousarray(values), np.arange(len(sizes)) == categorical)


def codes_of(factors: Factors, angle: float = 0.0, noise: float = 0.0) -> np.ndarray:
    """The first two factors turned into each other by an angle, the others as they are."""
    codes = factors.values - factors.values.mean(0)
    c, s = math.cos(angle), math.sin(angle)
    codes[:, :2] = codes[:, :2] @ np.array([[c, s], [-s, c]])
    return codes + noise * np.random.default_rng(0).normal(size=codes.shape)


def random_codes(factors: Factors, dims: int = 5) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(len(factors.values), dims))


def information_of(codes: np.ndarray, scale: float, factors: Factors) -> np.ndarray:
    loc = torch.from_numpy(codes)
    noise = torch.randn(loc.shape, generator=torch.Generator().manual_seed(0)).double()
    return posterior_information(loc, torch.full_like(loc, scale), noise, factors)


def scores(codes: np.ndarray, factors: Factors) -> dict[str, float]:
    """Every score, as its metric makes it."""
    importance, explained = predict(codes, factors)
    binned = binned_information(codes, factors, 20)
    return {
        "mig_posterior": mean_gap(information_of(codes, 0.1, factors) / factors.entropies),
        "mig_histogram": mean_gap(binned / factors.entropies),
        "dci_disentanglement": concentration(importance),
        "dci_completeness": concentration(importance.T),
        "dci_informativeness": explained,
        "sap": mean_gap(predictability(codes, factors)),
        "modularity": modularity(binned),
    }


def shuffled(factors: Factors) -> Factors:
    """In an order in which what is predicted is not a corner of the grid."""
    order = np.random.default_rng(1).permutation(len(factors.values))
    return Factors(factors.values[order], factors.categorical)


FIVES = shuffled(grid(5, 5, 5, copies=6))


def test_a_code_that_is_the_factors_scores_1() -> None:
    unused = np.zeros((len(FIVES.values), 1))
    found = scores(np.hstack([codes_of(FIVES), unused]), FIVES)
    assert found.pop("modularity") == pytest.approx(3 / 4)  # a dead code counts 0
    for name, value in found.items():
        assert value == pytest.approx(1, abs=1e-3), name
    assert scores(codes_of(FIVES), FIVES)["modularity"] == pytest.approx(1, abs=1e-9)


def test_sign_scale_and_order_of_the_codes_do_not_matter() -> None:
    codes = codes_of(FIVES, noise=0.1)
    other = scores(codes[:, [2, 0, 1]] * np.array([-1, 1, 1]), FIVES)
    for name, value in scores(codes, FIVES).items():
        assert other[name] == pytest.approx(value, abs=2e-3), name


def test_noise_scores_next_to_nothing() -> None:
    found = scores(random_codes(FIVES), FIVES)
    # noise has a greatest information too, about which others are half as large
    assert found.pop("modularity") < 0.5
    for name, value in found.items():
        assert abs(value) < 0.06, name


def test_a_mixed_code_is_between() -> None:
    pure, noise = codes_of(FIVES, noise=0.1), random_codes(FIVES, 3)
    best, worst = scores(pure, FIVES), scores(noise, FIVES)
    little, half = (scores(codes_of(FIVES, math.radians(angle), 0.1), FIVES) for angle in (15, 45))
    for name in set(best) - {"dci_informativeness"}:
        assert worst[name] < half[name] < little[name] < best[name], name
    # trees see through a rotation, though less sharply
    assert best["dci_informativeness"] > half["dci_informativeness"] > 0.9
    # of the three factors only the third is told by one code alone
    assert half["sap"] == pytest.approx(1 / 3, abs=0.02)
    assert half["mig_histogram"] == pytest.approx(1 / 3, abs=0.05)


# --- mutual information gap


def test_entropies() -> None:
    assert grid(2, 3, 4).entropies == pytest.approx(np.log([2, 3, 4]))
    uneven = Factors(np.array([[0], [1], [1], [1]]), np.array([False]))
    assert uneven.entropies == pytest.approx([2 * LOG2 - 0.75 * math.log(3)])


def test_information_of_an_and() -> None:
    """z1 = v1, z2 = v1 and v2: I(z2; v1) = H(1/4) - H(1/2) / 2."""
    factors = grid(2, 2, copies=50)
    v = factors.values
    codes = np.stack([v[:, 0], v[:, 0] * v[:, 1]], 1) * 100.0
    shared = 2 * LOG2 - 0.75 * math.log(3) - LOG2 / 2
    expected = [[LOG2, 0], [shared, shared]]
    assert binned_information(codes, factors, 20) == pytest.approx(np.array(expected), abs=1e-12)
    assert information_of(codes, 1.0, factors) == pytest.approx(np.array(expected), abs=1e-9)
    gap = (LOG2 - shared + shared) / 2 / LOG2
    assert mean_gap(np.array(expected) / LOG2) == pytest.approx(gap)


def test_a_noisy_code_tells_less_than_its_mean() -> None:
    """Two normals at -1 and 1: LOG2 less the mean entropy of telling them apart, by quadrature."""
    factors = grid(2, copies=1500)
    codes = 2.0 * factors.values - 1
    z = np.linspace(-12, 14, 200_001)
    density = np.exp(-((z - 1) ** 2) / 2) / math.sqrt(2 * math.pi)
    other = np.exp(-((z + 1) ** 2) / 2) / math.sqrt(2 * math.pi)
    exact = np.trapezoid(density * np.log(2 * density / (density + other)), z)
    assert exact < LOG2 / 2 + 0.05
    assert information_of(codes, 1.0, factors) == pytest.approx(exact, abs=0.03)
    assert binned_information(codes, factors, 20) == pytest.approx(LOG2)


def test_equal_posteriors_tell_nothing() -> None:
    factors = grid(3, 4)
    information = information_of(np.zeros((12, 2)), 1.0, factors)
    assert information == pytest.approx(np.zeros((2, 2)), abs=1e-12)


def test_the_gap_is_to_the_second_best_or_to_nothing() -> None:
    assert mean_gap(np.array([[0.9, 0.2], [0.4, 0.3], [0.1, 0.8]])) == pytest.approx(0.5)
    assert mean_gap(np.array([[0.9, 0.2]])) == pytest.approx(0.55)


def test_bins_are_those_of_a_histogram() -> None:
    codes = np.random.default_rng(0).normal(size=(500, 1))
    counts, edges = np.histogram(codes, 7)
    factors = Factors(np.digitize(codes, edges[1:-1]), np.array([False]))
    assert binned_information(codes, factors, 7)[0] == pytest.approx(factors.entropies)
    shares = counts[counts > 0] / 500
    assert factors.entropies == pytest.approx([-(shares * np.log(shares)).sum()])


# --- DCI


def test_concentration_by_hand() -> None:
    """Rows (3, 1) and (0, 4) of weights 4 and 4."""
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25)) / LOG2
    assert concentration(np.array([[3.0, 1], [0, 4]])) == pytest.approx((1 - entropy + 1) / 2)
    assert concentration(np.array([[6.0, 2], [0, 1]])) == pytest.approx((8 * (1 - entropy) + 1) / 9)
    assert concentration(np.eye(4)[:, :3]) == 1
    assert concentration(np.ones((2, 3))) == pytest.approx(0, abs=1e-12)
    assert concentration(np.zeros((2, 3))) == 0
    assert concentration(np.ones((2, 1))) == 1


def test_a_factor_in_two_codes_is_disentangled_and_not_complete() -> None:
    factors = shuffled(grid(4, 4, copies=40))
    v = factors.values
    codes = np.stack([v[:, 0] // 2, v[:, 0] % 2, v[:, 1]], 1).astype(float)
    importance, explained = predict(codes, factors)
    assert concentration(importance) > 0.99
    # v = 2 a + b: of its variance 5 / 4 the codes explain 1 and 1 / 4
    assert importance[:, 0] == pytest.approx([0.8, 0.2, 0], abs=0.01)
    split = 1 + (0.8 * math.log(0.8) + 0.2 * math.log(0.2)) / math.log(3)
    assert concentration(importance.T) == pytest.approx((1 + split) / 2, abs=0.01)
    assert explained > 0.99


def test_a_class_is_predicted_whatever_the_order_of_its_numbers() -> None:
    factors = shuffled(grid(3, 3, copies=60, categorical=0))
    codes = factors.values.astype(float)
    codes[:, 0] = np.array([2.0, 0.0, 1.0])[factors.values[:, 0]]
    importance, explained = predict(codes, factors)
    assert importance == pytest.approx(np.eye(2), abs=1e-6)
    assert explained == pytest.approx(1, abs=1e-3)


def test_what_is_explained_is_that_of_images_not_learned_from() -> None:
    """Trees fit noise; on other images they are worse than the mean, which counts 0."""
    factors = shuffled(grid(4, copies=40))
    _, explained = predict(random_codes(factors), factors)
    assert explained == 0
    noisy = factors.values + np.random.default_rng(0).normal(size=(160, 1))
    _, explained = predict(noisy, factors)
    assert 0.2 < explained < 5 / 4 / (5 / 4 + 1)


# --- SAP


def test_the_score_of_an_ordered_factor_is_the_squared_correlation() -> None:
    factors = grid(4, 5, copies=10)
    codes = np.hstack([codes_of(factors, 0.3, 0.4), np.ones((200, 1))])
    expected = np.corrcoef(codes[:, :2].T, factors.values.T)[:2, 2:] ** 2
    assert predictability(codes, factors)[:2] == pytest.approx(expected)
    assert predictability(codes, factors)[2].tolist() == [0, 0]


def test_the_score_of_the_class_is_the_balanced_accuracy_of_thresholds() -> None:
    """z1 tells class 2 from the others, z2 all; 0, 1, 2 occur 6, 3 and 1 times."""
    classes = np.repeat([0, 1, 2], [6, 3, 1])[:, None]
    codes = np.hstack([classes == 2, 5 - classes, np.zeros((10, 1))]).astype(float)
    found = predictability(codes, Factors(classes, np.array([True])))
    assert found[:, 0] == pytest.approx([2 / 3, 1, 1 / 3])
    assert mean_gap(found) == pytest.approx(1 / 3)


def test_the_most_that_a_class_can_reach() -> None:
    factors = grid(3, 4, copies=20, categorical=0)
    gap = mean_gap(predictability(codes_of(factors), factors))
    assert gap == pytest.approx((1 - 1 / 3 + 1) / 2, abs=1e-9)


# --- modularity


def test_modularity_by_hand() -> None:
    assert modularity(np.diag([1.0, 2, 3])) == 1
    assert modularity(np.ones((4, 3))) == pytest.approx(0)
    # 1 - (0.25 + 0) / 2, and a code without any
    assert modularity(np.array([[2.0, 1, 0], [0, 0, 0]])) == pytest.approx((1 - 0.125) / 2)
    assert modularity(np.array([[0.3], [0.2]])) == 1


# --- of a model and a split


def sprites_loader() -> EvalLoader:
    store = SpritesData(scales=2, rotations=2, positions=4).load()
    return EvalLoader(store.train, UnitPixels(), 0)


def test_the_class_is_the_factor_without_order_and_constant_factors_are_left_out() -> None:
    loader = sprites_loader()
    factors = known_factors(loader)
    assert factors is not None
    assert factors.categorical.tolist() == [True, False, False, False, False]
    upright = EvalLoader(
        SpritesData(rotations=1, scales=2, positions=2).load().train, UnitPixels(), 0
    )
    factors = known_factors(upright)
    assert factors is not None
    assert factors.values.shape[1] == 4
    assert known_factors(upright, np.array([3, 3])) is None


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.kind)
def test_without_factors_there_is_no_score(metric: BaseMetric) -> None:
    loader = EvalLoader(DigitsData().load().test, UnitPixels(), 0)
    model = VAEConfig().build((1, 8, 8), UnitPixels().domain, 10).eval()
    assert metric(model, loader) == {}


def test_where_the_density_of_a_code_is_not_known_the_posterior_mig_is_absent() -> None:
    loader = sprites_loader()
    for posterior, names in ((IAFConfig(), set()), (FullNormalConfig(), {"mig_posterior"})):
        model = VAEConfig(posterior=posterior).build((1, 32, 32), UnitPixels().domain, 3).eval()
        assert MIGPosteriorMetric()(model, loader).keys() == names
        assert MIGHistogramMetric()(model, loader).keys() == {"mig_histogram"}


def test_of_a_larger_split_some_images_are_taken() -> None:
    loader = sprites_loader()
    model = VAEConfig().build((1, 32, 32), UnitPixels().domain, 3).eval()
    (number,) = MIGPosteriorMetric(images=50)(model, loader).values()
    assert "of 50 images" in number.estimator
    assert "50 images" in DCIMetric(images=50)(model, loader)["dci_completeness"].estimator
    split = Split(loader.images(slice(9)).numpy(), loader.labels.numpy()[:9], loader.factors[:9])
    assert DCIMetric()(model, EvalLoader(split, UnitPixels(), 0)) == {}
