"""Samples beside training images: the nearest are shown, and training goes on undisturbed."""

from collections.abc import Callable

import numpy as np

from vaelab.drawing import render
from vaelab.figures import FigureContext, NearestFigure

Make = Callable[..., FigureContext]


def test_the_neighbours_shown_are_the_nearest_training_images(make_subject: Make) -> None:
    subject = make_subject()
    panel = NearestFigure(num=6, neighbours=3).compute(subject)
    training = subject.store.train.images.astype(float) / 255
    for name in ("samples", "test"):
        shown = panel.arrays[name].transpose(0, 3, 1, 2).astype(float) / 255
        table = np.sqrt(((shown[:, None] - training) ** 2).sum((2, 3, 4)))
        np.testing.assert_array_equal(
            panel.arrays[f"{name}_index"], table.argsort(1, kind="stable")[:, :3]
        )
        np.testing.assert_allclose(panel.arrays[f"{name}_distances"], np.sort(table, 1)[:, :3])
        np.testing.assert_array_equal(
            panel.arrays[f"{name}_neighbours"],
            subject.store.train.images.transpose(0, 2, 3, 1)[panel.arrays[f"{name}_index"]],
        )


def test_a_model_in_training_stays_so(make_subject: Make) -> None:
    subject = make_subject(epoch=1)
    subject.model.train()
    panel = NearestFigure(num=2).compute(subject)
    assert panel.name == "nearest_epoch_1"
    assert all(module.training for module in subject.model.modules())


def test_large_pictures_fit_on_the_page(make_subject: Make) -> None:
    figure = NearestFigure(num=2, made="draw")
    panel = figure.compute(make_subject(shape=(3, 160, 120)))
    assert panel.arrays["samples"].shape == (2, 90, 68, 3)
    assert render(figure.draw(panel)).shape[1] < 1200
