"""Distances between features against closed forms, direct sums and cases by hand."""

import numpy as np
import pytest
import scipy.linalg
import scipy.spatial
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

import vaelab.quality.distances
from vaelab.errors import BadValueError
from vaelab.quality import (
    copying,
    coverage,
    density,
    frechet_distance,
    kernel_distance,
    nearest,
    precision,
    recall,
)


def column(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]


def normal(count: int, features: int, seed: int) -> Tensor:
    return torch.randn(count, features, generator=torch.Generator().manual_seed(seed)).double()


def covariance_of(features: int, seed: int) -> Tensor:
    root = normal(features, features, seed)
    return root @ root.T + 0.1 * torch.eye(features, dtype=torch.float64)


def covariance(x: Tensor) -> Tensor:
    centred = x - x.mean(0)
    return centred.T @ centred / (len(x) - 1)


def with_moments(count: int, mean: Tensor, wanted: Tensor, seed: int) -> Tensor:
    """Vectors whose own mean and covariance are exactly these."""
    draws = normal(count, len(mean), seed)
    draws = draws - draws.mean(0)
    white = draws @ torch.linalg.inv(torch.linalg.cholesky(covariance(draws))).T
    return mean + white @ torch.linalg.cholesky(wanted).T


def by_matrix_root(first: Tensor, second: Tensor) -> float:
    """Heusel et al., eq. 6, word for word."""
    s, t = covariance(first).numpy(), covariance(second).numpy()
    root = np.trace(scipy.linalg.sqrtm(s @ t).real)
    apart = (first.mean(0) - second.mean(0)).square().sum().item()
    return apart + float(np.trace(s) + np.trace(t) - 2 * root)


# --- Fréchet


def test_frechet_in_one_dimension_is_that_of_means_and_deviations() -> None:
    first = with_moments(30, column(1.0)[0], column(4.0), 0)
    second = with_moments(40, column(-2.0)[0], column(9.0), 1)
    assert frechet_distance(first, second) == pytest.approx(3**2 + (2 - 3) ** 2)


def test_frechet_of_any_two_gaussians_is_the_closed_form() -> None:
    means = normal(2, 4, 0)
    first = with_moments(50, means[0], covariance_of(4, 1), 2)
    second = with_moments(60, means[1], covariance_of(4, 3), 4)
    expected = by_matrix_root(first, second)
    assert expected > 1
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(second, first) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)


def test_frechet_with_fewer_images_than_features() -> None:
    first, second = normal(6, 20, 0), 2 * normal(9, 20, 1) + 1
    assert frechet_distance(first, second) == pytest.approx(by_matrix_root(first, second), rel=1e-4)


def test_frechet_falls_to_the_closed_form_as_images_are_added() -> None:
    p = MultivariateNormal(torch.zeros(5).double(), covariance_of(5, 0))
    q = MultivariateNormal(torch.ones(5).double(), covariance_of(5, 1))
    s, t = p.covariance_matrix, q.covariance_matrix
    root = np.trace(scipy.linalg.sqrtm((s @ t).numpy()).real)
    exact = 5 + (s.trace() + t.trace()).item() - 2 * root
    torch.manual_seed(0)
    few, many = (
        np.mean([
            frechet_distance(p.sample((count,)), q.sample((count,))) for _ in range(repeats)
        ])
        for count, repeats in ((20, 200), (20_000, 3))
    )  # fmt: skip
    assert many == pytest.approx(exact, rel=0.03)
    assert few > exact * 1.03


# --- kernel


def test_the_kernel_distance_is_the_sum_over_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = normal(7, 3, 0), normal(5, 3, 1) + 1

    def mean(x: Tensor, y: Tensor, others: bool) -> float:
        values = [
            (float(a @ b) / 3 + 1) ** 3
            for i, a in enumerate(x)
            for j, b in enumerate(y)
            if not others or i != j
        ]
        return float(np.mean(values))

    expected = mean(first, first, True) + mean(second, second, True)
    expected -= 2 * mean(first, second, False)
    assert kernel_distance(first, second)[0] == pytest.approx(expected)
    assert kernel_distance(second, first) == pytest.approx(kernel_distance(first, second))
    whole = kernel_distance(first, second)
    monkeypatch.setattr(vaelab.quality.distances, "VALUES_AT_ONCE", 10)
    assert kernel_distance(first, second) == pytest.approx(whole)


def test_the_kernel_distance_has_no_bias_and_its_error_is_its_spread() -> None:
    def measured(shift: float) -> np.ndarray:
        return np.array([
            kernel_distance(normal(40, 2, seed), normal(60, 2, 10_000 + seed) + shift)
            for seed in range(200)
        ])  # fmt: skip

    same, errors = measured(0.0).T
    assert errors.mean() > same.std()  # of first order, where the first order vanishes
    assert abs(same.mean()) < 3 * same.std() / len(same) ** 0.5
    assert (same < 0).mean() > 0.3  # what has no bias has to come out below zero, too
    # E k for normals of mean m and m': with u = x.y / 2 + 1, by the moments of x.y
    torch.manual_seed(0)
    x, y = torch.randn(2, 2_000_000, 2).double(), torch.randn(2, 2_000_000, 2).double() + 1
    pairs = ((x[0], x[1], 1), (y[0], y[1], 1), (x[0], y[0], -2))
    exact = sum(sign * (((a * b).sum(1) / 2 + 1) ** 3).mean().item() for a, b, sign in pairs)
    apart = measured(1.0)
    spread = apart[:, 0].std()
    assert apart[:, 0].mean() == pytest.approx(exact, abs=4 * spread / 200**0.5)
    assert apart[:, 1].mean() == pytest.approx(spread, rel=0.15)


# --- balls


REAL, MADE = column(0, 1, 2, 10), column(0.5, 5, 30)


def test_balls_to_the_first_neighbour_by_hand() -> None:
    # radii of real images 1, 1, 1, 8; of samples 4.5, 4.5, 25
    assert precision(REAL, MADE, 1) == pytest.approx(2 / 3)  # 30 is in none
    assert recall(REAL, MADE, 1) == 1
    assert recall(REAL, MADE[:2], 1) == pytest.approx(3 / 4)  # 10 is 5 from 5
    assert density(REAL, MADE, 1) == pytest.approx((2 + 1 + 0) / 3)
    assert coverage(REAL, MADE, 1) == pytest.approx(3 / 4)  # 2 is 1.5 from 0.5


def test_balls_to_the_second_neighbour_by_hand() -> None:
    # radii 2, 1, 2, 9
    assert density(REAL, MADE, 2) == pytest.approx((3 + 1 + 0) / (3 * 2))
    assert precision(REAL, column(3.5, 1.5), 2) == 1
    assert coverage(REAL, column(-1.5), 2) == pytest.approx(1 / 4)


def test_real_images_have_density_one_and_samples_of_one_point_no_recall() -> None:
    real, more = normal(600, 3, 0), normal(600, 3, 1)
    assert density(real, more) == pytest.approx(1, abs=0.1)
    assert coverage(real, more) == pytest.approx(1 - 0.5**5, abs=0.03)  # Naeem et al., eq. 10
    point = normal(600, 3, 2) / 1000
    assert precision(real, point) == 1
    assert recall(real, point) == 0
    assert coverage(real, point) < 0.05


def prdc(real: np.ndarray, made: np.ndarray, k: int) -> dict[str, float]:
    """Naeem et al.'s published program, its few lines."""
    pairs = scipy.spatial.distance.cdist
    within_real, within_made, across = pairs(real, real), pairs(made, made), pairs(real, made)
    of_real, of_made = (np.partition(d, k, axis=-1)[:, k] for d in (within_real, within_made))
    return {
        "precision": (across < of_real[:, None]).any(0).mean(),
        "recall": (across < of_made[None]).any(1).mean(),
        "density": (across < of_real[:, None]).sum(0).mean() / k,
        "coverage": (across.min(1) < of_real).mean(),
    }


def test_density_and_coverage_are_those_of_the_published_program_with_ties_too() -> None:
    draws = np.random.default_rng(0)
    coins = [draws.random((150, 12)) < draws.random(12) for _ in range(2)]
    grey = [draws.normal(size=(150, 12)) for _ in range(2)]
    for sets, ties in ((coins, True), (grey, False)):
        real, made = (np.asarray(one, float) for one in sets)
        published = prdc(real, made, 5)
        x, y = torch.from_numpy(real), torch.from_numpy(made)
        assert density(x, y) == pytest.approx(published["density"], abs=1e-12)
        assert coverage(x, y) == pytest.approx(published["coverage"], abs=1e-12)
        # precision and recall are Kynkäänniemi et al.'s, whose balls have their rim
        found = precision(x, y, 5), recall(x, y, 5)
        theirs = published["precision"], published["recall"]
        assert found > theirs if ties else found == pytest.approx(theirs, abs=1e-12)


# --- neighbours and copies


def test_nearest_leaves_itself_out_and_parts_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = normal(50, 3, 0)
    distances, index = nearest(points, points, 4, others=True)
    table = (points[:, None] - points).square().sum(2).sqrt()
    table.fill_diagonal_(torch.inf)
    expected = table.sort(1)
    torch.testing.assert_close(distances, expected.values[:, :4])
    assert torch.equal(index, expected.indices[:, :4])
    monkeypatch.setattr(vaelab.quality.distances, "VALUES_AT_ONCE", 170)
    assert torch.equal(nearest(points, points, 4, others=True)[1], index)
    with pytest.raises(BadValueError, match=r"50 nearest .* 49 others"):
        nearest(points, points, 50, others=True)
    assert nearest(points, points, 50)[0].shape == (50, 50)


def test_copying_by_hand() -> None:
    training, held = column(0, 10), column(1, 4)
    # distances of held-out images 1, 4; of samples 0.5, 3, 10
    assert copying(training, held, column(0.5, 3, 20))[0] == pytest.approx((1 + 0.5 + 0) / 3)
    assert copying(training, held, column(11, 11))[0] == pytest.approx(0.75)  # a tie is a half
    assert copying(training, held, held)[0] == 0.5


def test_copies_are_told_from_new_images_and_the_error_is_the_spread() -> None:
    training = normal(300, 2, 0)
    copies = training[:100] + normal(100, 2, 1) / 1000
    held = normal(100, 2, 2)
    assert copying(training, held, copies)[0] > 0.95
    assert copying(training, held, 3 * normal(100, 2, 3))[0] < 0.4
    found = np.array([
        copying(training, normal(100, 2, 10 + seed), normal(80, 2, 1000 + seed))
        for seed in range(300)
    ])  # fmt: skip
    assert found[:, 0].mean() == pytest.approx(0.5, abs=0.01)
    assert found[:, 1].mean() == pytest.approx(found[:, 0].std(), rel=0.15)


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
def test_one_image_is_too_few(distance: object) -> None:
    with pytest.raises(BadValueError, match="two images or more, got 1 and 3"):
        distance(column(1), column(1, 2, 3))  # type: ignore[operator]
