"""The manifold lies as the scatter does, and every class has its own."""

from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from tests.figures.conftest import CLASSES
from vaelab.config import validate
from vaelab.drawing import render
from vaelab.errors import BadValueError
from vaelab.figures import FigureContext, LatentFigure, ManifoldFigure
from vaelab.figures.manifold import file_names

Make = Callable[..., FigureContext]


def test_the_first_axis_points_right_and_the_second_up(paint: Make) -> None:
    panel = ManifoldFigure(grid=5, range=1.0).compute(paint())
    pictures = panel.arrays["pictures"][0].astype(int)
    left, right = pictures[..., 0, 0, 0], pictures[..., 0, 7, 0]
    assert (np.diff(left[:, 2:], axis=1) > 0).all()  # z1 rises to the right; below 0 all is black
    assert (np.diff(left, axis=0) == 0).all()
    assert (np.diff(right[:3], axis=0) < 0).all()  # z2 falls from the top row down
    assert (np.diff(right, axis=1) == 0).all()


def test_the_drawing_keeps_that_orientation(paint: Make) -> None:
    figure = ManifoldFigure(grid=5, range=1.0)
    axes = figure.draw(figure.compute(paint())).axes[0]
    (image,) = axes.images
    assert image.origin == "upper"
    left, right, bottom, top = image.get_extent()
    assert (left, right) == pytest.approx((-1.25, 1.25))
    assert (bottom, top) == pytest.approx((-1.25, 1.25))
    assert axes.get_xlabel() == "z1"
    assert axes.get_ylabel() == "z2"


@pytest.mark.parametrize("latent", [1, 2, 5])
def test_it_spans_the_axes_of_the_scatter(make_subject: Make, latent: int) -> None:
    subject = make_subject(latent)
    panel = ManifoldFigure(grid=4).compute(subject)
    x, y = panel.arrays["x"], panel.arrays["y"]
    scatter = LatentFigure()
    axes = scatter.draw(scatter.compute(subject)).axes[0]
    assert axes.get_xlim() == pytest.approx((x[0], x[-1]))
    if latent > 1:
        assert axes.get_ylim() == pytest.approx((y[-1], y[0]))


def test_quantiles_are_those_of_the_prior(make_subject: Make) -> None:
    x = ManifoldFigure(grid=4, range="quantile").compute(make_subject(2)).arrays["x"]
    np.testing.assert_allclose(x, [NormalDist().inv_cdf(p) for p in (0.125, 0.375, 0.625, 0.875)])


def test_quantiles_of_a_plane_surround_the_prior_and_not_the_codes(make_subject: Make) -> None:
    subject = make_subject(5)
    panel = ManifoldFigure(grid=5, range="quantile").compute(subject)
    middle = np.array([panel.arrays["x"][2], panel.arrays["y"][2]])
    np.testing.assert_allclose(middle, subject.plane.project(np.zeros(5)), atol=1e-6)


def test_each_class_is_decoded_as_itself(paint: Make) -> None:
    subject = paint(len(CLASSES))
    panel = ManifoldFigure(grid=3, range=25.0).compute(subject)
    assert panel.arrays["pictures"].shape == (3, 3, 3, 8, 8, 1)
    # the painter subtracts 10 times the class: 25 is bright in every class, 0 only in none
    codes = np.array([[10.5, 10.5]] * 3, np.float32)
    greys = subject.decode(codes, np.arange(3))[:, 0, 0, 0]
    assert list(greys) == [255, 128, 0]
    for label in range(3):
        alone = subject.decode(np.zeros((1, 2), np.float32), np.array([label]))
        np.testing.assert_array_equal(panel.arrays["pictures"][label, 1, 1], alone[0])


def test_every_class_has_its_picture(make_subject: Make, tmp_path: Path) -> None:
    figure = ManifoldFigure(grid=3)
    written = figure.write(figure.compute(make_subject(2, conditional=True)), tmp_path)
    assert [path.name for path in written] == [
        "manifold.npz",
        *(f"manifold_{name}.png" for name in CLASSES),
        "manifold.png",
    ]
    assert all(path.is_file() for path in written)


def test_class_names_make_safe_and_different_file_names() -> None:
    assert file_names(["ankle boot", "T-shirt/top"]) == ["ankle_boot", "T-shirt_top"]
    assert len(set(file_names(["a b", "a/b", "A_B"]))) == 3
    assert file_names(["", "x"]) == ["0_", "1_x"]


def test_large_images_make_no_huge_picture(make_subject: Make) -> None:
    figure = ManifoldFigure(grid=30)
    panel = figure.compute(make_subject(2, shape=(3, 64, 48)))
    assert panel.arrays["pictures"].shape[3:] == (36, 27, 3)
    assert max(render(figure.draw(panel)).shape) < 1300


@pytest.mark.parametrize("value", [0, -1, "everything"])
def test_an_impossible_range_is_refused(value: object) -> None:
    with pytest.raises(BadValueError, match="range"):
        validate(ManifoldFigure, {"range": value}, "test")
