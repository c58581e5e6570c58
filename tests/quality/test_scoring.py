"""`vaelab quality` says what it measured on what, and tells good samples from bad."""

import json
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import vaelab
from tests.conftest import Answer
from tests.training.conftest import tiny
from vaelab.console import Console
from vaelab.errors import BadValueError, MissingFileError
from vaelab.evaluation.samples import score_samples
from vaelab.quality.images import as_uint8, samples
from vaelab.runs.run import Run
from vaelab.training import train

Command = Callable[..., Answer]
KINDS = ("frechet", "mmd2", "precision", "recall", "density", "coverage", "copying")


@pytest.fixture
def run(trained: Run, tmp_path: Path) -> Run:
    shutil.copytree(trained.path, tmp_path / "run")
    return Run(tmp_path / "run")


@pytest.mark.slow
def test_the_file_says_what_was_measured(run: Run) -> None:
    quality = score_samples(run)
    written = json.loads(run.quality_path("classifier_v1").read_text())
    store = run.experiment.data.load()
    numbers, real, about = (written.pop(key) for key in ("numbers", "real", "about_features"))
    assert written == {
        "run": "run",
        "epoch": run.load_model()[1]["epoch"],
        "weights": run.load_model()[1]["digest"],
        "split": "test",
        "images": len(store.test),
        "data_checksum": store.checksum,
        "pixels": "unit",
        "conditional": False,
        "features": "classifier_v1",
        "made": "mean",
        "seed": 0,
    }
    assert "checksum" in about
    assert list(numbers) == [f"{kind}_classifier_v1" for kind in KINDS]
    assert list(real) == list(numbers)[:-1]  # held-out images are what copying is measured by
    for name, number in numbers.items():
        assert number["unit"]
        assert number["estimator"]
        assert number["value"] == quality.numbers[name].value
    assert all(np.isfinite(number["value"]) for number in real.values())
    # no sample is as good as a real image after two epochs
    value = {kind: quality.numbers[f"{kind}_classifier_v1"].value for kind in KINDS}
    best = {kind: quality.real[f"{kind}_classifier_v1"].value for kind in KINDS[:-1]}
    assert value["frechet"] > 5 * best["frechet"] > 0
    assert value["mmd2"] > 5 * abs(best["mmd2"])
    assert value["coverage"] < best["coverage"]
    console = Console(width=80, file=StringIO())
    console.print(quality.table())
    for name in numbers:
        assert f" {name} " in console.file.getvalue()


def test_twice_gives_the_same_file_and_other_features_another(run: Run) -> None:
    score_samples(run, "pixels", images=100)
    before = run.quality_path("pixels").read_bytes()
    score_samples(run, "pixels", images=100)
    assert run.quality_path("pixels").read_bytes() == before
    assert [path.name for path in run.path.glob("quality_*")] == ["quality_pixels.json"]
    with Image.open(run.figures / "nearest.png") as image:
        assert image.width > 600


@pytest.mark.slow
def test_a_model_trained_longer_scores_better(run: Run, tmp_path: Path) -> None:
    longer = train(tiny("training.epochs=40", "task_name=longer"), tmp_path).run
    one, other = (score_samples(each, "pixels").numbers for each in (run, longer))
    assert other["frechet_pixels"].value < one["frechet_pixels"].value / 2
    assert other["coverage_pixels"].value > one["coverage_pixels"].value


def test_copies_of_training_images_are_found(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    training = run.experiment.data.load().train.images

    def copies(model: object, pixels: object, labels: np.ndarray, *_: object) -> np.ndarray:
        return training[: len(labels)]

    monkeypatch.setattr(vaelab.evaluation.samples, "samples", copies)
    quality = score_samples(run, "pixels")
    assert quality.numbers["copying_pixels"].value > 0.99
    assert quality.numbers["precision_pixels"].value > 0.85


def test_two_known_gaussians_go_through_the_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images of one grey each, normal over the images: one feature, whose moments are all known."""
    draws = np.random.default_rng(0)

    def greys(count: int, mean: float, deviation: float) -> np.ndarray:
        each = draws.normal(mean, deviation, count).round().clip(0, 255).astype(np.uint8)
        return np.broadcast_to(each[:, None, None], (count, 8, 8)).copy()

    np.savez(tmp_path / "g.npz", images=greys(6_000, 120, 30), labels=np.arange(6_000) % 2)
    data = f"data={{kind: npz, path: '{tmp_path / 'g.npz'}', test_fraction: 0.4}}"
    run = train(tiny(data, "training.epochs=1"), tmp_path / "runs").run
    made = greys(2_400, 150, 20)[:, None]
    monkeypatch.setattr(vaelab.evaluation.samples, "samples", lambda *_: made)
    grey = vaelab.Features("grey", lambda images: images.flatten(1).mean(1, keepdim=True))
    numbers = score_samples(run, grey, "test", 2_400).numbers
    (m, s), (n, t) = ((120 / 255, 30 / 255), (150 / 255, 20 / 255))
    real = run.experiment.data.load().test.images[:, 0, 0, 0] / 255
    found = made[:, 0, 0, 0] / 255
    apart = (real.mean() - found.mean()) ** 2 + (real.std(ddof=1) - found.std(ddof=1)) ** 2
    assert numbers["frechet_grey"].value == pytest.approx(apart, rel=1e-5)
    exact = (m - n) ** 2 + (s - t) ** 2
    assert numbers["frechet_grey"].value == pytest.approx(exact, abs=0.003)

    def kernel(a: float, u: float, b: float, v: float) -> float:
        """E (x y + 1)^3 of independent normals, by their moments."""
        first, second = a * b, (a * a + u * u) * (b * b + v * v)
        third = (a**3 + 3 * a * u * u) * (b**3 + 3 * b * v * v)
        return third + 3 * second + 3 * first + 1

    mmd2 = kernel(m, s, m, s) + kernel(n, t, n, t) - 2 * kernel(m, s, n, t)
    number = numbers["mmd2_grey"]
    assert number.value == pytest.approx(mmd2, abs=3 * number.standard_error)
    assert number.standard_error < mmd2 / 10


def test_the_training_images_as_reference(run: Run) -> None:
    quality = score_samples(run, "pixels", "train", 200)
    assert (quality.split, quality.images) == ("train", 200)
    assert 0 < quality.real["frechet_pixels"].value < quality.numbers["frechet_pixels"].value


def test_black_and_white_pixels_are_compared_with_draws(tmp_path: Path) -> None:
    experiment = tiny(
        "data.pixels={kind: binary}", "model.likelihood.kind=bernoulli", "training.epochs=1"
    )
    run = train(experiment, tmp_path).run
    quality = score_samples(run, "pixels")
    assert quality.made == "draw"
    assert quality.pixels == "dynamic binary"
    pixels, store = experiment.data.pixels, experiment.data.load()
    model, _ = run.load_model()
    drawn = samples(model, pixels, store.test.labels, "draw", 0)
    assert set(np.unique(drawn)) == set(np.unique(as_uint8(store.test, pixels))) == {0, 255}
    assert len(np.unique(samples(model, pixels, store.test.labels, "mean", 0))) > 50


def test_a_conditional_model_is_given_the_classes_of_the_images(conditional: Run) -> None:
    model, _ = conditional.load_model()
    pixels = conditional.experiment.data.pixels
    zeros, ones = (samples(model, pixels, np.full(5, label), "mean", 0) for label in (0, 1))
    assert zeros.shape == (5, 1, 8, 8)
    assert not np.array_equal(zeros, ones)


def test_any_function_through_python(run: Run) -> None:
    seen = []

    def halves(images: torch.Tensor) -> torch.Tensor:
        seen.append((images.min().item(), images.max().item()))
        return images.mean(2).flatten(1)

    quality = vaelab.sample_quality(run.path, vaelab.Features("rows_v2", halves), images=50)
    assert run.quality_path("rows_v2").is_file()
    assert quality.numbers["frechet_rows_v2"].value > 0
    assert min(low for low, _ in seen) == 0
    assert max(high for _, high in seen) == 1


@pytest.mark.parametrize("images", [9, 100_000])
def test_too_few_or_too_many_images(run: Run, images: int) -> None:
    with pytest.raises(BadValueError, match=r"can be done with 10 to \d+ of this data"):
        score_samples(run, "pixels", images=images)
    assert not run.quality_path("pixels").exists()


def test_at_the_command_line(run: Run, vaelab: Command) -> None:
    answer = vaelab("quality", run.path, "--features", "pixels", "--images", 60, "--made", "draw")
    assert answer.code == 0
    assert "frechet_pixels" in answer.out
    assert "60 samples (draws of p(x|z))" in " ".join(answer.out.split())
    run.weights_path.unlink()
    answer = vaelab("quality", run.path)
    assert answer.code == 2
    assert "has no weights yet" in answer.err
    with pytest.raises(MissingFileError):
        score_samples(run)


def test_data_of_one_class_is_told_what_to_do(tmp_path: Path, vaelab: Command) -> None:
    archive = tmp_path / "mine.npz"
    images = np.random.default_rng(0).integers(0, 256, (300, 8, 8), np.uint8)
    np.savez(archive, images=images, labels=np.zeros(300, np.int64))
    train(tiny(f"data={{kind: npz, path: '{archive}'}}", "training.epochs=1"), tmp_path / "runs")
    run = tmp_path / "runs" / "tiny"
    answer = vaelab("quality", run)
    assert answer.code == 2
    assert "use the features `pixels`" in answer.err
    assert vaelab("quality", run, "--features", "pixels").code == 0
