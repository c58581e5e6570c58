"""The plane carries its mean, and projecting what it lifts is the identity."""

from pathlib import Path

import numpy as np
import pytest

from vaelab.figures.plane import MIN_WINDOW, Plane, window

DRAWS = np.random.default_rng(0)


@pytest.fixture
def codes() -> np.ndarray:
    return DRAWS.normal(size=(200, 5)) * [1, 4, 0.5, 2, 0.1] + [3, -1, 0, 7, 2]


def test_projecting_a_lifted_point_is_the_identity(codes: np.ndarray) -> None:
    plane = Plane.fit(codes)
    points = DRAWS.normal(size=(7, 3, 2))
    np.testing.assert_allclose(plane.project(plane.lift(points)), points, atol=1e-12)


def test_the_origin_of_the_plane_is_the_mean(codes: np.ndarray) -> None:
    np.testing.assert_allclose(Plane.fit(codes).lift(np.zeros(2)), codes.mean(0), atol=1e-12)


def test_components_are_those_of_most_variance(codes: np.ndarray) -> None:
    plane = Plane.fit(codes)
    np.testing.assert_allclose(plane.components @ plane.components.T, np.eye(2), atol=1e-12)
    singular = np.linalg.svd(codes - codes.mean(0), compute_uv=False) ** 2
    assert plane.explained == pytest.approx(singular[:2].sum() / singular.sum())
    variances = plane.project(codes).var(0)
    np.testing.assert_allclose(variances, singular[:2] / len(codes))


@pytest.mark.parametrize("dimensions", [1, 2])
def test_one_and_two_dimensions_are_shown_as_they_are(dimensions: int) -> None:
    codes = DRAWS.normal(3, 1, size=(9, dimensions))
    np.testing.assert_array_equal(Plane.fit(codes).project(codes), codes)
    assert Plane.fit(codes).axis_names == ("z1", "z2")[:dimensions]


def test_a_plane_keeps_the_orientation_of_the_former_one(codes: np.ndarray) -> None:
    former = Plane.fit(codes)
    turned = Plane(former.mean, -former.components)
    np.testing.assert_allclose(Plane.fit(codes, turned).components, turned.components)


def test_a_plane_is_read_as_it_was_written(tmp_path: Path, codes: np.ndarray) -> None:
    plane = Plane.fit(codes)
    read = Plane.load(plane.save(tmp_path / "pca.npz"))
    np.testing.assert_array_equal(read.mean, plane.mean)
    np.testing.assert_array_equal(read.components, plane.components)
    assert read.explained == plane.explained


def test_stray_points_do_not_squash_the_window() -> None:
    points = DRAWS.uniform(-1, 1, size=(1000, 2))
    points[0] = 1e6
    assert (np.abs(window(points)) < 1.3).all()


def test_axes_are_equally_long_and_never_a_point() -> None:
    narrow = DRAWS.uniform(-1, 1, size=(100, 2)) * [5, 0.01]
    lengths = np.diff(window(narrow), axis=1)
    assert lengths[0] == pytest.approx(lengths[1])
    np.testing.assert_allclose(np.diff(window(np.ones((5, 2))), axis=1), MIN_WINDOW)
