"""The way begins and ends at the reconstructions of its two images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.figures.conftest import CLASSES
from vaelab.errors import BadValueError
from vaelab.figures import FigureContext, InterpolationFigure
from vaelab.figures.interpolation import spherical, straight

Make = Callable[..., FigureContext]


@pytest.mark.parametrize("path", ["straight", "spherical"])
def test_the_ends_are_the_reconstructions_of_the_images(make_subject: Make, path: str) -> None:
    subject = make_subject(5)
    panel = InterpolationFigure(frames=7, first=4, second=11, path=path).compute(subject)
    codes = subject.encode(subject.store.test.select(np.array([4, 11])))
    reconstructions = subject.decode(codes.loc)
    np.testing.assert_allclose(panel.arrays["frames"][[0, -1]].astype(int), reconstructions, atol=1)


@pytest.mark.parametrize("label", [None, "cat", 0])
def test_each_image_is_encoded_with_its_own_class(
    make_subject: Make, label: str | int | None
) -> None:
    subject = make_subject(2, conditional=True)
    panel = InterpolationFigure(frames=3, first=1, second=5, label=label).compute(subject)
    test = subject.store.test
    assert [CLASSES[i] for i in test.labels[[1, 5]]] == ["bee", "cat"]
    alone = [subject.encode(test.select(np.array([i]))).loc[0] for i in (1, 5)]
    shown = {None: 1, "cat": 2, 0: 0}[label]
    expected = subject.decode(np.stack(alone), np.array([shown, shown]))
    np.testing.assert_allclose(panel.arrays["frames"][[0, -1]].astype(int), expected, atol=1)
    assert panel.words["decoded_as"] == CLASSES[shown]


def test_the_images_are_of_different_classes_and_differ_with_the_seed(make_subject: Make) -> None:
    subject = make_subject()
    for first, second in ((None, None), (3, None), (None, 3)):
        labels = (
            InterpolationFigure(frames=2, first=first, second=second)
            .compute(subject)
            .arrays["labels"]
        )
        assert labels[0] != labels[1]
    again = InterpolationFigure(frames=2).compute(subject).arrays["index"]
    np.testing.assert_array_equal(
        again, InterpolationFigure(frames=2).compute(make_subject()).arrays["index"]
    )


def test_an_arc_keeps_to_its_sphere() -> None:
    draws = np.random.default_rng(0)
    start, end = draws.normal(size=(2, 6))
    start /= np.linalg.norm(start)
    end *= 3 / np.linalg.norm(end)
    t = np.linspace(0, 1, 9)
    way = spherical(start, end, t)
    np.testing.assert_allclose(way[[0, -1]], [start, end])
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), 1 + 2 * t)
    directions = way / np.linalg.norm(way, axis=1, keepdims=True)
    angles = np.arccos((directions[1:] * directions[:-1]).sum(1))
    np.testing.assert_allclose(angles, angles[0])


@pytest.mark.parametrize("end", [[2.0, 4.0], [-1.0, -2.0], [0.0, 0.0]])
def test_an_arc_on_a_line_through_the_origin_is_straight(end: list[float]) -> None:
    start, t = np.array([1.0, 2.0]), np.linspace(0, 1, 5)
    np.testing.assert_allclose(
        spherical(start, np.array(end), t), straight(start, np.array(end), t)
    )


def test_strip_and_film_are_written_and_frames_where_asked(
    make_subject: Make, tmp_path: Path
) -> None:
    figure = InterpolationFigure(frames=12)
    figure.write(figure.compute(make_subject()), tmp_path)
    assert not (tmp_path / "interp").exists()
    figure = InterpolationFigure(frames=12, singly=True)
    (tmp_path / "interp").mkdir()
    (tmp_path / "interp" / "99.png").touch()
    (tmp_path / "interp" / "mine.png").touch()
    written = figure.write(figure.compute(make_subject()), tmp_path)
    assert [path.name for path in written] == [
        "interpolation.npz",
        "interpolation.gif",
        "interp",
        "interpolation.png",
    ]
    names = {path.name for path in (tmp_path / "interp").iterdir()}
    assert names == {f"{i}.png" for i in range(12)} | {"mine.png"}
    with Image.open(tmp_path / "interpolation.gif") as film:
        assert film.n_frames == 22  # there, and back without the two ends


def test_an_image_or_class_that_is_not_there_is_refused(make_subject: Make) -> None:
    with pytest.raises(BadValueError, match="numbered 0 to 39"):
        InterpolationFigure(first=40).compute(make_subject())
    with pytest.raises(BadValueError, match="the classes are ant, bee, cat"):
        InterpolationFigure(label="dog").compute(make_subject(conditional=True))
