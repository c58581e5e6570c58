"""What the pictures of a sweep show."""

import random

import numpy as np
import pytest
from matplotlib.text import Text
from optuna.distributions import FloatDistribution

from tests.sweep.conftest import Start, study_of, work
from vaelab.drawing import render
from vaelab.sweep.pictures.keys import draw_importance, draw_parallel, importance
from vaelab.sweep.pictures.plane import draw_plane, pareto
from vaelab.sweep.pictures.strip import along, draw_strip, strip
from vaelab.sweep.pictures.values import MAX_LABEL_LETTERS, Colours, labels, place
from vaelab.sweep.plan import Sweep
from vaelab.sweep.results import Result, results
from vaelab.sweep.space import Setting, Space, ends, read_space
from vaelab.sweep.study import State, Trial


def trial(number: int, setting: Setting, rate: float, distortion: float, seed: int = 0) -> Trial:
    return Trial(
        number=number, run=f"{number:03d}", state=State.COMPLETE, setting=setting, seed=seed,
        elbo=-rate - distortion, terms={"rate": rate, "distortion": distortion, "epoch": 3},
    )  # fmt: skip


def made_up(count: int, space: Space) -> list[Result]:
    draws = random.Random(0)
    trials = []
    for number in range(count):
        values = {key: ends(one) for key, one in space.dimensions.items()}
        setting: Setting = {
            key: draws.choice(those) if len(those) > 3 else those[number % 3]
            for key, those in values.items()
        }
        setting = {**setting, "model.latent": number + 2}
        trials.append(trial(number, setting, draws.uniform(1, 9), draws.uniform(-20, 5)))
    return results(trials)


SPACE, _ = read_space(
    ["objective.beta=0.1..10:log", "model.latent=2..40", "model.prior=standard_normal,vamp,flow"]
)


def test_nothing_beats_the_pareto_front_and_it_beats_the_rest() -> None:
    found = made_up(30, SPACE)
    points = [(one.term("rate").value, one.term("distortion").value) for one in found]
    front = pareto(found)
    for index, (rate, distortion) in enumerate(points):
        beaten = any(r <= rate and d <= distortion for r, d in points if (r, d) != points[index])
        assert beaten == (index not in front)
    assert [points[index][0] for index in front] == sorted(points[index][0] for index in front)


def test_a_setting_with_a_lost_seed_stands_behind_whole_ones() -> None:
    lucky = [
        trial(0, {"a": 1}, 1, 1),
        Trial(number=1, run="001", state=State.DIVERGED, setting={"a": 1}, seed=1),
    ]
    plain = [trial(2, {"a": 2}, 5, 5), trial(3, {"a": 2}, 5, 6, seed=1)]
    found = results([*lucky, *plain])
    assert [result.setting["a"] for result in found] == [2, 1]
    assert found[1].elbo is not None
    assert found[1].elbo.standard_error is None


def test_a_seed_that_is_there_twice_counts_once() -> None:
    (found,) = results([trial(number, {"a": 1}, 1, 1) for number in range(3)])
    assert len(found.trials) == 1
    assert found.elbo is not None
    assert found.elbo.standard_error is None


def test_numbers_have_shades_by_their_place_and_words_a_palette() -> None:
    beta = SPACE.dimensions["objective.beta"]
    assert isinstance(beta, FloatDistribution)
    assert [place(beta, value) for value in (0.1, 1.0, 10.0)] == pytest.approx([0, 0.5, 1])
    words, _ = read_space(["model.prior=standard_normal,vamp,flow"])
    numbers, _ = read_space(["objective.beta=4,1,2"])
    for space, values in ((words, ("vamp", "flow")), (numbers, (4, 2)), (SPACE, (0.1, 9.0))):
        colours = Colours(space)
        assert colours.of(values[0]) != colours.of(values[1])


def test_a_legend_names_each_end_of_a_range_once() -> None:
    space, _ = read_space(["model.latent=2..3"])
    assert Colours(space).samples() == [2, 3]


def test_long_values_are_cut_down_to_what_tells_them_apart() -> None:
    beta = "{{kind: linear, start: {}, end: 0.5, epochs: 1}}"
    assert labels([beta.format(1), beta.format(4)]) == ["start: 1", "start: 4"]
    vamps = ["{kind: vamp, components: 10}", "{kind: vamp, components: 100}"]
    assert labels([*vamps, "flow"]) == ["components: 10", "components: 100", "flow"]
    assert labels(["[64]", "[128, 64]"]) == ["[64]", "[128, 64]"]
    mlps = ["{kind: mlp, widths: [64, 32]}", "{kind: mlp, widths: [64, 16]}"]
    assert labels(mlps) == ["widths: [64, 32]", "widths: [64, 16]"]
    ends = labels([60 * "x" + "1", 60 * "x" + "2"])
    assert len(set(ends)) == 2
    assert max(map(len, ends)) <= MAX_LABEL_LETTERS


def test_no_label_of_the_parallel_axes_leaves_the_page() -> None:
    beta = "{{kind: linear, start: {}, end: {}, epochs: 1}}"
    space, _ = read_space(["objective.beta=" + ",".join(beta.format(*e) for e in [(1, 2), (3, 4)])])
    found = results([trial(n, s, 1.0 + n, 2.0) for n, s in enumerate(space.grid())])
    figure = draw_parallel(found, space, "a sweep with quite a long name of its own")
    render(figure)
    for text in figure.findobj(Text):
        box = text.get_window_extent()
        assert 0 <= box.x0 <= box.x1 <= figure.bbox.width, text.get_text()


def test_the_strip_keeps_the_other_keys_where_it_can() -> None:
    def made(number: int, beta: float, latent: int, distortion: float) -> Trial:
        return trial(number, {"beta": beta, "latent": latent}, 1.0, distortion)

    found = results([made(0, 4, 2, 1), made(1, 1, 2, 3), made(2, 1, 8, 2), made(3, 2, 8, 9)])
    assert found[0].setting == {"beta": 4, "latent": 2}
    chosen = [(one.setting["beta"], one.setting["latent"]) for one in along(found, "beta")]
    assert chosen == [(1, 2), (2, 8), (4, 2)]


def test_the_key_that_matters_has_the_largest_share(sweep: Start) -> None:
    folder = sweep("objective.beta=0..4", "model.latent=2..9", search="random", trials=30)
    study = study_of(folder)
    assert importance(study) == {}
    for one in study.trials():
        beta = float(one.setting["objective.beta"])  # type: ignore[arg-type]
        study.complete(one, -((beta - 1) ** 2), {"rate": 1.0, "distortion": 1.0, "epoch": 1})
    shares = importance(study)
    assert shares["objective.beta"] > 0.8
    assert sum(shares.values()) == pytest.approx(1)


@pytest.mark.slow
def test_pictures_of_few_and_many_settings() -> None:
    for count in (1, 3, 60):
        found = made_up(count, SPACE)
        shares = {"objective.beta": 0.7, "model.latent": 0.3}
        for figure in (
            draw_plane(found, SPACE, "a sweep"),
            draw_parallel(found, SPACE, "a sweep"),
            draw_importance(shares, SPACE, count, "a sweep"),
        ):
            pixels = render(figure)
            assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 10
    only_seeds, _ = read_space(["training.seed=0,1"])
    found = results([trial(0, {}, 1.0, 2.0), trial(1, {}, 1.5, 2.0, seed=1)])
    render(draw_plane(found, only_seeds, "seeds"))


def test_a_strip_is_of_samples_where_a_model_is_not_flat(sweep: Start) -> None:
    folder = sweep(
        "model.kind=vae,hierarchical", "training.epochs=1", "model.condition.decoder=one_hot"
    )
    trials = work(folder)
    assert {one.state for one in trials} == {State.COMPLETE}, [one.reason for one in trials]
    space = Sweep.load(folder).space
    pieces = strip(folder, results(trials), "model.kind")
    assert {piece.what for piece in pieces} == {"samples, the mean decoded from codes of the prior"}
    figure = draw_strip(pieces, space, "model.kind", "a sweep")
    assert render(figure).std() > 0
