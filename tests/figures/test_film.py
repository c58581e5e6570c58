"""One frame per epoch, on axes that stand still."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vaelab.drawing import render
from vaelab.figures import FigureContext, LatentFigure, Panel, latent_film
from vaelab.figures.film import Screen, common_window, epoch_panels
from vaelab.figures.latent import add_points, note_of

Make = Callable[..., FigureContext]


@pytest.fixture(params=[1, 2, 5])
def folder(request: pytest.FixtureRequest, make_subject: Make, tmp_path: Path) -> Path:
    for epoch in (0, 1, 2, 10):
        panel = LatentFigure().compute(make_subject(request.param, epoch=epoch))
        panel.arrays["points"] *= 1 + epoch  # the space grows while it forms
        panel.save(tmp_path / f"{panel.name}.npz")
    return tmp_path


def test_every_epoch_has_its_frame_in_their_order(folder: Path) -> None:
    assert [path.stem for path in epoch_panels(folder)] == [
        f"latent_epoch_{epoch}" for epoch in (0, 1, 2, 10)
    ]
    film = latent_film(folder)
    assert film == folder / "latent.gif"
    with Image.open(film) as image:
        assert image.n_frames == 4


def test_the_axes_stand_still(folder: Path) -> None:
    panels = [Panel.load(path) for path in epoch_panels(folder)]
    axes = Screen(panels).limits
    last = panels[-1].arrays["window"]
    assert (axes[:, 0] <= last[:, 0]).all()
    assert (axes[:, 1] >= last[:, 1]).all()


def test_a_frame_is_the_picture_of_its_epoch_and_keeps_nothing_of_another(folder: Path) -> None:
    panels = [Panel.load(path) for path in epoch_panels(folder)]
    for panel in panels:  # a heading of one line in most epochs and of two in one
        panel.words["run"] = "a" * 52
    panels[1].words["moment"] += ", with some more words"
    screen = Screen(panels)
    first = [screen.frame(panel) for panel in panels]
    assert len({frame.shape for frame in first}) == 1
    for frame, panel in zip(first, panels, strict=True):
        np.testing.assert_array_equal(Screen(panels).frame(panel), frame)
        screen.page.set_note(note_of(panel, screen.limits))
        points = add_points(screen.axes, panel)
        whole = render(screen.page.figure)  # every artist drawn anew, points below the frame
        for artist in points:
            artist.remove()
        assert (whole != frame).any(-1).mean() < 0.002
    assert not np.array_equal(first[0], first[-1])


def test_one_wild_epoch_does_not_set_the_axes(make_subject: Make) -> None:
    subjects = [make_subject(epoch=epoch, test=400) for epoch in range(4)]
    panels = [LatentFigure().compute(subject) for subject in subjects]
    panels[1].arrays["points"][0] = 1e6
    assert np.abs(common_window(panels)).max() < 1e3


def test_without_panels_there_is_no_film(tmp_path: Path) -> None:
    assert latent_film(tmp_path) is None
