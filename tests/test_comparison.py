"""Numbers are ranked where they can be compared, in pairs, and told apart where they cannot."""

import json
import shutil
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import multivariate_normal, ttest_ind, ttest_rel

from tests.models.conftest import set_exact_posterior
from tests.training.conftest import tiny
from vaelab.console import Console
from vaelab.drawing import render
from vaelab.errors import BadValueError, MissingFileError
from vaelab.evaluation import comparison
from vaelab.evaluation.comparison import Group, differences, draw
from vaelab.evaluation.entries import Measured
from vaelab.evaluation.evaluate import evaluate, save_per_image
from vaelab.metrics import BoundMetric, IWAEMetric
from vaelab.runs.run import Run
from vaelab.training import train

Train = Callable[..., Run]
KEPT = {"kept_by": "last", "kept_value_nats": None, "valid_elbo_nats": None}


@pytest.fixture
def evaluated(trained: Run, tmp_path: Path) -> Run:
    shutil.copytree(trained.path, tmp_path / "runs" / "first")
    run = Run(tmp_path / "runs" / "first")
    evaluate(run, samples=5)
    return run


@pytest.fixture
def measured(tmp_path: Path) -> Train:
    def make(name: str, *words: str, samples: int = 2) -> Run:
        run = train(tiny(f"task_name={name}", "training.epochs=1", *words), tmp_path).run
        evaluate(run, samples=samples, metrics=[BoundMetric(), IWAEMetric()])
        return run

    return make


def variant(run: Run, name: str, better_by: float = 0, **facts: Any) -> Run:
    """The same run with another name, another key, or all images better by so much."""
    path = run.path.with_name(name)
    shutil.copytree(run.path, path)
    other = Run(path)
    row = run.evaluation() | {"run": name} | facts
    for number in ("nll_iwae5_nats", "distortion_nats"):
        row["numbers"][number]["value"] -= better_by
    row["numbers"]["elbo_nats"]["value"] += better_by
    other.evaluation_path.write_text(json.dumps(row))
    return other


def set_values(run: Run, values: np.ndarray, number: str = "nll_iwae5_nats") -> None:
    """Give a run these values of its images."""
    row = run.evaluation()
    error = float(values.std(ddof=1) / len(values) ** 0.5)
    row["images"] = len(values)
    row["numbers"][number] |= {"value": float(values.mean()), "standard_error": error}
    run.evaluation_path.write_text(json.dumps(row))
    kept = {number: torch.from_numpy(values)}
    save_per_image(run, row, kept)


def printed(group: Group) -> str:
    console = Console(width=200, record=True, file=StringIO())
    console.print(group.table())
    narrow = Console(width=80, record=True, file=StringIO())
    narrow.print(group.table(narrow=True))
    lines = [line.rstrip() for line in narrow.export_text().splitlines()]
    assert max(map(len, lines)) <= 80
    assert "…" not in "".join(lines)
    assert any(line.endswith("behind") for line in lines)
    return console.export_text()


def compare(runs: Sequence[Run]) -> list[Group]:
    return comparison.compare([run.path for run in runs])


def names(group: Group) -> list[str]:
    return [entry.name for entry in group.entries]


# --- in pairs


def exact(run: Run, scale: float) -> np.ndarray:
    """Give a linear run the exact posterior; its -log p(x) of each test image, by scipy."""
    model, about = run.load_model()
    set_exact_posterior(model, scale)
    run.save_weights(model, about["classes"], {"step": 1, "epoch": 1, **KEPT})
    layer = model.decoder.trunk.stack[0]
    weight, bias = (t.detach().double().numpy() for t in (layer.weight, layer.bias))
    x = run.experiment.data.load().test.images.reshape(-1, 64) / 255
    covariance = weight @ weight.T + scale**2 * np.eye(64)
    return -multivariate_normal(bias, covariance).logpdf(x)


def test_two_models_whose_paired_difference_is_known(tmp_path: Path) -> None:
    runs, known = [], []
    for name, scale in (("a", 0.4), ("b", 0.41)):
        words = ("model.encoder.widths=[]", "model.decoder={kind: mlp, widths: []}",
                 f"model.likelihood.scale={scale}", "training.epochs=1")  # fmt: skip
        run = train(tiny(*words, f"task_name={name}"), tmp_path).run
        known.append(exact(run, scale))
        runs.append(run)
        evaluate(run, samples=3, metrics=[BoundMetric(), IWAEMetric()])
    (group,) = compare(runs)
    better, worse = sorted(known, key=np.mean)
    behind = group.behind(group.entries[1])
    assert behind.how == "images"
    assert behind.value == pytest.approx((worse - better).mean(), rel=1e-3)
    paired, apart = ttest_rel(worse, better), ttest_ind(worse, better)
    assert behind.standard_error == pytest.approx(behind.value / paired.statistic, rel=1e-3)
    assert behind.standard_error < behind.value / apart.statistic / 5


def test_pairing_tells_what_looks_like_a_tie(evaluated: Run) -> None:
    """A difference of 2.152 nats over 2,000 images whose values correlate by 0.9859."""
    draws = np.random.default_rng(0)
    common, own = draws.normal(size=(2, 2_000))
    own -= common * (common @ own) / (common @ common)
    common, own = ((each - each.mean()) / each.std(ddof=1) for each in (common, own))
    deviation, correlation = 38.3, 0.9859
    first = 100 + deviation * common
    second = 102.152 + deviation * (correlation * common + (1 - correlation**2) ** 0.5 * own)
    other = variant(evaluated, "other")
    set_values(evaluated, first)
    set_values(other, second)
    (group,) = compare([other, evaluated])
    behind = group.behind(group.entries[1])
    assert (behind.value, behind.standard_error) == pytest.approx((2.152, 0.144), abs=0.001)
    assert not behind.is_tie
    assert "2.15 ± 0.14" in printed(group)
    assert "paired over images" in printed(group)
    for run in (evaluated, other):
        run.per_image_path.unlink()
    unpaired = compare([other, evaluated])[0]
    apart = unpaired.behind(unpaired.entries[1])
    assert apart.standard_error == pytest.approx(1.211, abs=0.001)
    assert apart.standard_error / behind.standard_error == pytest.approx(8.4, abs=0.05)
    assert apart.is_tie
    assert "2.15 ± 1.2*" in printed(unpaired)


def test_values_of_other_weights_images_or_numbers_make_no_pair(evaluated: Run) -> None:
    row = evaluated.evaluation()
    run = Measured(evaluated.path)
    values = run.per_image("nll_iwae5_nats")
    assert values is not None
    assert values.mean() == pytest.approx(row["numbers"]["nll_iwae5_nats"]["value"], rel=1e-6)
    for other in ({"weights": "0" * 64}, {"images_checksum": "0" * 64}):
        run.evaluation = row | other
        assert run.per_image("nll_iwae5_nats") is None
    run.evaluation = row
    assert run.per_image("nll_iwae6_nats") is None
    run.evaluation = row | {"images": row["images"] + 1}
    with pytest.raises(BadValueError, match="is damaged: `nll_iwae5_nats`"):
        run.per_image("nll_iwae5_nats")
    assert evaluated.per_image_path.stat().st_size < 12 * len(values) + 1_000


def test_seeds_of_one_config_are_one_entry_with_their_spread(
    measured: Train, tmp_path: Path
) -> None:
    runs = [
        measured(f"{name}_seed{seed}", f"training.seed={seed}",
                 f"training.optimizer.learning_rate={rate}")
        for name, rate in (("slow", 1e-4), ("quick", 1e-2))
        for seed in (3, 1, 2)
    ]  # fmt: skip
    (group,) = compare(runs)
    assert names(group) == ["quick (seeds 1, 2, 3)", "slow (seeds 1, 2, 3)"]
    each = {
        name: [Run(tmp_path / f"{name}_seed{seed}").evaluation()["numbers"]["nll_iwae2_nats"]
               ["value"] for seed in (1, 2, 3)]
        for name in ("quick", "slow")
    }  # fmt: skip
    welch = ttest_ind(each["slow"], each["quick"], equal_var=False)
    behind = group.behind(group.entries[1])
    assert behind.how == "seeds"
    assert behind.value / behind.standard_error == pytest.approx(welch.statistic)
    assert behind.freedom == pytest.approx(welch.df)
    assert behind.is_tie == (welch.pvalue > 0.05)
    drawn = [one.get_text() for one in draw([group]).texts]
    assert [words for words in drawn if "seed" in words] == names(group)
    assert "over seeds, on these images" in printed(group)
    (mixed,) = compare([runs[0], *runs[3:]])
    assert mixed.behind(mixed.entries[1]).how == "images"


# --- ranks


def test_the_best_comes_first_and_ties_are_bold(evaluated: Run) -> None:
    draws = np.random.default_rng(1)
    first = draws.normal(50, 5, 360)
    for name, shift in (("worse", 3.0), ("better", -0.01)):
        set_values(variant(evaluated, name), first + shift + draws.normal(0, 1, 360))
    set_values(evaluated, first)
    folder = evaluated.path.parent
    (group,) = compare([Run(folder / name) for name in ("worse", "first", "better")])
    ranked = sorted(["first", "better"], key=lambda name: Run(folder / name).evaluation()[
        "numbers"]["nll_iwae5_nats"]["value"])  # fmt: skip
    assert names(group) == [*ranked, "worse"]
    assert [group.behind(entry).is_tie for entry in group.entries] == [True, True, False]
    assert group.ranked_by == "nll_iwae5_nats"
    assert differences([group]) == []


def test_other_likelihoods_of_the_same_pixels_can_be_compared(evaluated: Run) -> None:
    laplace = variant(evaluated, "laplace", 1, likelihood="laplace")
    (group,) = compare([evaluated, laplace])
    assert "under gaussian, laplace" in printed(group).replace("\n", " ")


def test_without_a_common_bound_the_elbo_ranks(evaluated: Run) -> None:
    other = variant(evaluated, "other", -1)
    row = other.evaluation()
    row["numbers"]["nll_iwae9_nats"] = row["numbers"].pop("nll_iwae5_nats")
    other.evaluation_path.write_text(json.dumps(row))
    (group,) = compare([other, evaluated])
    assert group.ranked_by == "elbo_nats"
    assert names(group)[0] == "first"
    assert group.behind(group.entries[1]).value == pytest.approx(1)


# --- what can be compared


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"pixels": "signed"}, "pixels: unit (first), signed (other)"),
        ({"images_checksum": "f" * 64}, "ffffffff (other)"),
        ({"split": "train"}, "split: test (first), train (other)"),
        ({"measure": "counting"}, "kind of likelihood: density (first), probability (other)"),
        ({"limit": "scale at least 0.1"}, "density: none (first), scale at least 0.1 (other)"),
        ({"conditional": True}, "conditional on the class: False (first), True (other)"),
        ({"pixels": "static binary by data.seed 1"}, "static binary by data.seed 1 (other)"),
    ],
)
def test_what_cannot_be_compared_is_not_ranked(
    evaluated: Run, facts: dict[str, Any], reason: str
) -> None:
    other = variant(evaluated, "other", 1e6, **facts)
    groups = compare([evaluated, other])
    assert [names(group) for group in groups] == [["first"], ["other"]]
    (line,) = differences(groups)
    assert reason in line


def test_the_same_test_images_compare_however_the_others_were_split(measured: Train) -> None:
    first = measured("first")
    other = measured("other", "data.validation=150")
    assert first.evaluation()["data_checksum"] != other.evaluation()["data_checksum"]
    assert len(compare([first, other])) == 1
    moved = measured("moved", "data.seed=1")  # which chooses the test images too
    assert len(compare([first, moved])) == 2


def test_binary_pixels_compare_by_how_they_were_drawn(measured: Train) -> None:
    coins = "model.likelihood=bernoulli"
    static, same, other, dynamic = (
        measured(name, coins, f"data.pixels={{kind: binary, mode: {mode}}}", *more)
        for name, mode, *more in (
            ("static", "static"), ("same", "static", "data.validation=150"),
            ("other", "threshold"), ("dynamic", "dynamic"),
        )
    )  # fmt: skip
    assert len(compare([static, same])) == 1
    assert len(compare([static, other, dynamic])) == 3


def test_an_encoder_that_reads_the_class_bounds_the_same(measured: Train) -> None:
    plain = measured("plain")
    encoder = measured("encoder", "model.condition.encoder=planes")
    both = measured("both", "model.condition={encoder: planes, decoder: one_hot}")
    assert [names(group) for group in compare([plain, encoder, both])][1] == ["both"]
    assert not encoder.evaluation()["conditional"]


def test_a_floor_counts_where_the_scale_lies_on_it(measured: Train) -> None:
    free = measured("free")
    low = measured("low", "model.likelihood.floor=1e-4")
    assert len(compare([free, low])) == 1  # both scales are far above
    high = measured("high", "model.likelihood.floor=0.4",
                    "training.optimizer.learning_rate=0.1", "training.epochs=3")  # fmt: skip
    assert high.evaluation()["limit"] == "scale at least 0.4"
    assert len(compare([free, high])) == 2
    optimal = measured("optimal", "model.likelihood={kind: optimal_gaussian, floor: 0.9}")
    assert optimal.evaluation()["limit"] == "scale at least 0.9"
    pixels = measured("pixels", "model.likelihood={kind: gaussian, scale: per_pixel}")
    assert pixels.evaluation()["limit"] == "scales per pixel, at least 0.001"


# --- what is not compared at all


def test_numbers_of_weights_that_are_gone_are_refused(evaluated: Run) -> None:
    other = variant(evaluated, "other")
    model, about = other.load_model()
    with torch.no_grad():
        next(model.parameters()).add_(1)
    other.save_weights(model, about["classes"], {"step": 9, "epoch": 9, **KEPT})
    words = r"weights that it no longer has .*\n.*evaluate .*other"
    with pytest.raises(MissingFileError, match=words):
        compare([evaluated, other])


def test_what_has_no_numbers_is_told(evaluated: Run) -> None:
    other = variant(evaluated, "other")
    third = variant(evaluated, "third")
    for one in (other, third):
        one.evaluation_path.unlink()
    words = r"other .*\n.*third .*\nmeasure: .*evaluate \S+other \S+third$"
    with pytest.raises(MissingFileError, match=words):
        compare([evaluated, other, third])
    with pytest.raises(BadValueError, match="first is there twice"):
        compare([evaluated, variant(evaluated, "fourth"), evaluated])


@pytest.mark.parametrize(
    ("number", "value"), [("value", np.inf), ("value", np.nan), ("standard_error", -5.0)]
)
def test_numbers_that_no_training_has_are_damage(evaluated: Run, number: str, value: float) -> None:
    other = variant(evaluated, "other")
    row = other.evaluation()
    row["numbers"]["distortion_nats"][number] = value
    other.evaluation_path.write_text(json.dumps(row))
    with pytest.raises(BadValueError, match=r"evaluation.json is damaged: `numbers.distortion"):
        compare([evaluated, other])


def test_damaged_values_per_image_are_measured_again(evaluated: Run) -> None:
    other = variant(evaluated, "other")
    content = bytearray(other.per_image_path.read_bytes())
    content[-1] ^= 1
    other.per_image_path.write_bytes(content)
    (group,) = compare([evaluated, other])
    with pytest.raises(BadValueError, match=r"damaged; `vaelab evaluate \S+other` writes it anew"):
        group.behind(group.entries[1])


@pytest.mark.parametrize("config", ["training: {seed: null}", "training: {seed: x}", "[1]"])
def test_a_config_that_no_training_wrote_is_read_in_full(evaluated: Run, config: str) -> None:
    other = variant(evaluated, "other")
    other.config_path.write_text(config)
    with pytest.raises(BadValueError, match=r"other.config\.yaml"):
        compare([evaluated, other])


# --- on the screen


def test_the_plane_has_each_run(evaluated: Run) -> None:
    groups = compare([evaluated, variant(evaluated, "b", 3), variant(evaluated, "c", pixels="x")])
    pixels = render(draw(groups))
    assert pixels.shape[1] > 800
    one = render(draw(compare([evaluated, variant(evaluated, "d", 3)])))
    assert one.shape[1] < 500


def test_at_the_command_line(
    evaluated: Run, vaelab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variant(evaluated, "other", pixels="signed")
    picture = tmp_path / "plane.png"
    answer = vaelab(
        "compare", "first", "other", "--runs", evaluated.path.parent, "--picture", picture
    )
    assert answer.code == 0
    assert "not ranked together" in answer.out
    with Image.open(picture) as image:
        assert min(image.size) > 300
    variant(evaluated, "long_name_of_a_run", 3)
    words = ("compare", "first", "long_name_of_a_run", "--runs", evaluated.path.parent)
    for width in range(80, 170, 10):
        monkeypatch.setenv("COLUMNS", str(width))
        answer = vaelab(*words, "--picture", picture, "--overwrite")
        assert any(line.rstrip().endswith("behind") for line in answer.out.splitlines()), width
    answer = vaelab("compare", "first", "--runs", evaluated.path.parent)
    assert answer.code == 2
    assert "two different runs" in answer.err
