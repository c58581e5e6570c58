"""What each picture shows, and that every kind can be drawn of every model."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import TypeAdapter

from tests.figures.conftest import CLASSES
from vaelab.drawing import Page, render, save_png
from vaelab.errors import BadValueError
from vaelab.figures import (
    ActivityFigure,
    BaseFigure,
    CurvesFigure,
    FigureConfig,
    FigureContext,
    LatentFigure,
    Panel,
    RatesFigure,
    ReconstructionFigure,
    SamplesFigure,
    TraversalFigure,
)
from vaelab.figures.curves import vertical_range
from vaelab.figures.sheet import magnify, tile

Make = Callable[..., FigureContext]

QUICK = {"interpolation": {"frames": 3}, "manifold": {"grid": 3}}
KINDS = (
    "latent",
    "reconstruction",
    "manifold",
    "interpolation",
    "samples",
    "traversal",
    "curves",
    "rates",
    "activity",
)


def figure_of(kind: str) -> BaseFigure:
    return TypeAdapter(FigureConfig).validate_python({"kind": kind, **QUICK.get(kind, {})})


def test_a_name_stands_for_a_figure_without_options() -> None:
    adapter = TypeAdapter(FigureConfig)
    for kind in KINDS:
        assert adapter.validate_python(kind) == adapter.validate_python({"kind": kind})


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 11, 9)], ids=["grey", "colour"])
@pytest.mark.parametrize("conditional", [False, True], ids=["plain", "conditional"])
@pytest.mark.parametrize("latent", [1, 2, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_draws_every_model(
    make_subject: Make, tmp_path: Path, kind: str, latent: int, conditional: bool,
    shape: tuple[int, int, int],
) -> None:  # fmt: skip
    subject = make_subject(latent, conditional, shape)
    subject.model.train()
    figure = figure_of(kind)
    panel = figure.compute(subject)
    assert all(module.training for module in subject.model.modules())
    read = Panel.load(panel.save(tmp_path / "panel.npz"))
    assert read.name == panel.name == kind
    assert read.arrays.keys() == panel.arrays.keys()
    for name, array in panel.arrays.items():
        np.testing.assert_array_equal(read.arrays[name], array)
    assert render(figure.draw(read)).std() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_drawn_from_the_file_is_what_is_drawn_from_memory(
    make_subject: Make, tmp_path: Path, kind: str
) -> None:
    figure = figure_of(kind)
    panel = figure.compute(make_subject())
    read = Panel.load(panel.save(tmp_path / "panel.npz"))
    np.testing.assert_array_equal(render(figure.draw(read)), render(figure.draw(panel)))


def test_pictures_of_an_epoch_say_so(make_subject: Make) -> None:
    assert LatentFigure().compute(make_subject(epoch=3)).name == "latent_epoch_3"
    assert LatentFigure().compute(make_subject()).name == "latent"


def test_pictures_do_not_depend_on_what_was_drawn_before(make_subject: Make) -> None:
    subject = make_subject()
    first = SamplesFigure().compute(subject).arrays["pictures"]
    np.testing.assert_array_equal(first, SamplesFigure().compute(subject).arrays["pictures"])


def test_points_are_the_means_of_the_posteriors_of_all_test_images(make_subject: Make) -> None:
    subject = make_subject()
    points = LatentFigure().compute(subject).arrays["points"]
    assert sorted(map(tuple, points)) == sorted(map(tuple, subject.codes.loc))


def test_the_legend_stands_beside_the_data(make_subject: Make) -> None:
    figure = LatentFigure()
    data, legend = figure.draw(figure.compute(make_subject())).axes
    assert legend.get_position().x0 >= data.get_position().x1
    assert [text.get_text() for text in legend.texts] == list(CLASSES)


def test_reconstructions_are_inverted_and_images_are_not(make_subject: Make) -> None:
    figure = ReconstructionFigure(num=6, columns=3)
    panel = figure.compute(make_subject())
    (axes,) = figure.draw(panel).axes
    sheet = np.asarray(axes.images[0].get_array())
    height, width = sheet.shape[0] // 2, sheet.shape[1] // 3  # of a pair with the gap around it
    factor = height // 8
    gap = (height - 8 * factor) // 2
    pair = sheet[height + gap : 2 * height - gap : factor, width + gap : 2 * width - gap : factor]
    assert pair.shape == (8, 16)
    np.testing.assert_array_equal(pair[:, :8], panel.arrays["images"][4, ..., 0])
    np.testing.assert_array_equal(pair[:, 8:], 255 - panel.arrays["reconstructions"][4, ..., 0])


def test_colours_are_not_inverted(make_subject: Make) -> None:
    figure, plain = ReconstructionFigure(num=4), ReconstructionFigure(num=4, invert=False)
    panel = figure.compute(make_subject(shape=(3, 8, 8)))
    np.testing.assert_array_equal(render(figure.draw(panel)), render(plain.draw(panel)))


def test_reconstructions_decode_the_mean_of_picked_images(make_subject: Make) -> None:
    subject = make_subject(conditional=True)
    panel = ReconstructionFigure(num=10).compute(subject)
    index = panel.arrays["index"]
    assert len(set(index)) == 10
    np.testing.assert_array_equal(
        panel.arrays["images"][..., 0], subject.store.test.images[index, 0]
    )
    expected = subject.decode(subject.codes.loc, subject.codes.labels)[index].astype(int)
    np.testing.assert_allclose(panel.arrays["reconstructions"].astype(int), expected, atol=1)
    everything = ReconstructionFigure(num=1000).compute(subject).arrays["index"]
    np.testing.assert_array_equal(everything, np.arange(40))


def test_samples_of_a_conditional_model_have_a_row_per_class(paint: Make) -> None:
    panel = SamplesFigure(num=12).compute(paint(len(CLASSES)))
    assert panel.words["columns"] == 4
    np.testing.assert_array_equal(panel.arrays["labels"], np.repeat([0, 1, 2], 4))
    assert panel.arrays["pictures"][:4].any()
    assert not panel.arrays["pictures"][4:].any()  # the painter subtracts 10 times the class


@pytest.mark.parametrize("start", ["mean", 7])
def test_a_traversal_changes_one_dimension_at_a_time(make_subject: Make, start: str | int) -> None:
    subject = make_subject(5)
    panel = TraversalFigure(start=start, steps=5).compute(subject)
    codes, order = panel.arrays["codes"], panel.arrays["dimensions"]
    base = subject.codes.loc.mean(0) if start == "mean" else subject.codes.loc[7]
    sd = np.sqrt(subject.codes.loc.var(0) + (subject.codes.scale**2).mean(0))
    for row, dimension in enumerate(order):
        change = codes[row] - base
        np.testing.assert_allclose(
            change[:, dimension], np.linspace(-3, 3, 5) * sd[dimension], 1e-4
        )
        assert not np.delete(change, dimension, axis=1).any()


def test_a_traversal_shows_the_busiest_dimensions_first(make_subject: Make) -> None:
    subject = make_subject(5)
    rates = TraversalFigure().compute(subject).arrays["rates"]
    assert (np.diff(rates) <= 0).all()
    few = TraversalFigure(dimensions=2).compute(subject).arrays
    np.testing.assert_array_equal(few["rates"], rates[:2])
    with pytest.raises(BadValueError, match="numbered 0 to 39"):
        TraversalFigure(start=40).compute(subject)


def test_rates_add_up_to_the_kl_of_the_posteriors(make_subject: Make) -> None:
    subject = make_subject(5)
    panel = RatesFigure().compute(subject)
    loc, scale = subject.codes.loc.astype(float), subject.codes.scale.astype(float)
    kl = (loc**2 + scale**2 - 1) / 2 - np.log(scale)  # KL(N(loc, scale^2) || N(0, 1))
    assert panel.arrays["rates"].sum() == pytest.approx(kl.sum(1).mean(), rel=1e-4)
    np.testing.assert_array_equal(
        panel.arrays["active"], loc.var(0)[panel.arrays["dimensions"]] > 0.01
    )


def test_the_activity_counts_every_dimension_once(make_subject: Make) -> None:
    subject = make_subject(5)
    with torch.no_grad():  # a dead unit, one just alive
        head = subject.model.encoder.heads[0].stack[0]
        head.weight[1] = 0
        head.weight[3] *= 0.12 / subject.codes.loc[:, 3].std()
    subject = replace(subject)
    figure = ActivityFigure()
    panel = figure.compute(subject)
    variances = subject.codes.loc.var(0)
    np.testing.assert_array_equal(panel.arrays["dimensions"], np.argsort(-variances))
    np.testing.assert_allclose(panel.arrays["variances"], np.sort(variances)[::-1], 1e-5, 1e-9)
    points, bars = figure.draw(panel).axes
    assert sum(bar.get_width() for bar in bars.patches) == 5
    below = sum(bar.get_width() for bar in bars.patches if bar.get_y() < 0.00999)
    assert below == (variances <= 0.01).sum() == 1
    assert points.get_ylim() == bars.get_ylim()
    assert [text.get_text() for text in points.get_legend().texts] == ["active: 4", "inactive: 1"]


def test_curves_mark_the_best_validation_elbo(make_subject: Make) -> None:
    figure = CurvesFigure()
    panel = figure.compute(make_subject())
    elbo, epoch = panel.arrays["valid_elbo"], panel.arrays["valid_epoch"]
    best = figure.draw(panel).axes[0].lines[-1]
    assert best.get_ydata()[0] == elbo.max()
    assert best.get_xdata()[0] == epoch[elbo.argmax()]


def test_first_steps_do_not_squash_the_curves() -> None:
    values = np.concatenate([[1e5, 4e4], np.linspace(200, 100, 100)])
    bottom, top = vertical_range(values)
    assert 80 < bottom < 100
    assert 200 < top < 300


def test_curves_can_be_drawn_before_anything_is_logged(make_subject: Make) -> None:
    subject = make_subject(epoch=0)
    bare = FigureContext(subject.title, subject.model, subject.store, subject.pixels)
    figure = CurvesFigure()
    words = [text.get_text() for text in figure.draw(figure.compute(bare)).axes[0].texts]
    assert words == ["nothing logged yet"]


def test_tiles_lie_row_by_row() -> None:
    pictures = np.arange(6, dtype=np.uint8).reshape(2, 3, 1, 1, 1)
    np.testing.assert_array_equal(tile(pictures)[..., 0], [[0, 1, 2], [3, 4, 5]])
    assert magnify(pictures, 3).shape == (2, 3, 3, 3, 1)
    framed = tile(pictures, gap=2, paper=9)
    assert framed.shape == (6, 9, 1)
    np.testing.assert_array_equal(framed[1::3, 1::3, 0], [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize("photograph", [False, True])
def test_a_page_keeps_its_white_and_a_photograph_its_colours(
    tmp_path: Path, photograph: bool
) -> None:
    draws = np.random.default_rng(0)
    pixels = draws.integers(0, 256 if photograph else 2, (100, 100, 3), np.uint8)
    page = Page(400, 120, "Colours", "noise")
    page.image(20, 10, pixels)
    expected = render(page.figure)
    with Image.open(save_png(page.figure, tmp_path / "page.png")) as image:
        assert image.mode == ("RGB" if photograph else "P")
        read = np.asarray(image.convert("RGB"))
    assert (read[0] == 255).all()
    np.testing.assert_allclose(read.astype(int), expected, atol=0 if photograph else 12)
    if photograph:
        np.testing.assert_array_equal(read[page.head + 10 :][:100, 20:120], pixels)
