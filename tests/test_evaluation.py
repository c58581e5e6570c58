"""evaluation.json says what was measured on what, and what cannot be measured is said in words."""

import json
import math
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import Answer
from tests.training.conftest import tiny
from vaelab.console import Console
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.data.store import images_checksum
from vaelab.errors import BadValueError, MissingFileError
from vaelab.evaluation.diagnosis.examine import one_line_diagnosis
from vaelab.evaluation.evaluate import evaluate, metrics_of
from vaelab.metrics import AISMetric, IWAEMetric
from vaelab.runs.listing import overview
from vaelab.runs.run import Run
from vaelab.tensorfile import digest_of, read_tensors
from vaelab.training import Start, train

Command = Callable[..., Answer]


def copy_of(run: Run, path: Path) -> Run:
    shutil.copytree(run.path, path)
    return Run(path)


def text(table: object, width: int = 200) -> str:
    console = Console(width=width, file=StringIO())
    console.print(table)
    return console.file.getvalue()


def test_evaluation_json_says_what_was_measured(trained: Run, tmp_path: Path) -> None:
    run = copy_of(trained, tmp_path / "run")
    returned = evaluate(run, samples=7)
    written = json.loads(run.evaluation_path.read_text())
    store = run.experiment.data.load()
    model, about = run.load_model()
    facts = {key: value for key, value in written.items() if key != "numbers"}
    assert facts == {
        "run": "run",
        "split": "test",
        "images": len(store.test),
        "epoch": about["epoch"],
        "weights": digest_of(read_tensors(run.weights_path)[0]),
        "kept_by": "valid_elbo",
        "kept_value_nats": about["valid_elbo_nats"],
        "data_checksum": store.checksum,
        "images_checksum": images_checksum(store.test, False),
        "likelihood": "gaussian",
        "limit": "",
        "measure": "lebesgue",
        "pixels": "unit",
        "conditional": False,
    }
    numbers = written["numbers"]
    assert numbers.keys() == {
        "distortion_nats", "rate_nats", "elbo_nats", "rate_z1_nats", "rate_z2_nats",
        "nll_iwae7_nats", "ess_iwae7", "index_code_mi_nats", "index_code_mi_upper_nats",
        "total_correlation_nats",
        "dimensionwise_kl_nats", "aggregate_kl_nats", "active_units", "mse_per_pixel",
        "implied_gaussian_scale",
        "knn5_accuracy", "linear_probe_accuracy",
    }  # fmt: skip
    for name, number in numbers.items():
        assert number.keys() == {"value", "unit", "estimator", "standard_error"}
        assert number["unit"]
        assert number["estimator"]
        assert number["value"] == returned.numbers[name].value
        mean = name.endswith("_nats") or name == "ess_iwae7"
        assert (number["standard_error"] is not None) is mean
    assert "7 " in numbers["nll_iwae7_nats"]["estimator"]
    assert numbers["nll_iwae7_nats"]["value"] < -numbers["elbo_nats"]["value"]
    loader = EvalLoader(store.test, run.experiment.data.pixels, 0)
    assert (
        returned.numbers["nll_iwae7_nats"] == IWAEMetric(samples=7)(model, loader)["nll_iwae7_nats"]
    )
    assert 0.1 < numbers["knn5_accuracy"]["value"] <= 1


def test_where_the_factors_are_known_it_says_how_far_they_are_disentangled(
    sprites: Run, tmp_path: Path
) -> None:
    numbers = evaluate(copy_of(sprites, tmp_path / "run"), samples=2).numbers
    scores = {
        "mig_posterior", "mig_histogram", "dci_disentanglement", "dci_completeness",
        "dci_informativeness", "sap", "modularity",
    }  # fmt: skip
    assert scores <= numbers.keys()
    for name in scores:
        assert 0 <= numbers[name].value <= 1
        assert numbers[name].unit == "0 to 1"
    assert numbers["dci_informativeness"].value > 0.1  # two epochs find where things are


def test_the_numbers_of_a_split_are_those_that_training_logged(
    trained: Run, tmp_path: Path
) -> None:
    run = copy_of(trained, tmp_path / "run")
    logged = max(row["elbo_nats"] for row in run.metrics() if row["split"] == "valid")
    assert evaluate(run, "valid", 2).numbers["elbo_nats"].value == pytest.approx(logged, abs=1e-6)


def test_twice_gives_the_same_file(trained: Run, tmp_path: Path) -> None:
    run = copy_of(trained, tmp_path / "run")
    evaluate(run, samples=3)
    before = run.evaluation_path.read_bytes()
    evaluate(run, samples=3)
    assert run.evaluation_path.read_bytes() == before


def test_the_table_has_every_number(conditional: Run, tmp_path: Path) -> None:
    found = evaluate(copy_of(conditional, tmp_path / "a[b]c"), samples=3)
    shown = text(found.table())
    assert "a[b]c" in shown
    assert "conditional on the class" in shown
    for name, number in found.numbers.items():
        (line,) = [line for line in shown.splitlines() if name in line.split()]
        assert f"{number.value:.6g}" in line
        assert number.estimator in line


@pytest.mark.parametrize("mode", ["dynamic", "static"])
def test_bits_per_dimension_of_black_and_white_pixels(mode: str, tmp_path: Path) -> None:
    experiment = tiny(
        f"data.pixels={{kind: binary, mode: {mode}}}", "model.likelihood.kind=bernoulli",
        "training.epochs=1",
    )  # fmt: skip
    found = evaluate(train(experiment, tmp_path).run, samples=5)
    nats, bits = (found.numbers[f"nll_iwae5_{unit}"] for unit in ("nats", "bits_per_dim"))
    assert bits.value == pytest.approx(nats.value / (64 * math.log(2)))
    assert bits.standard_error == pytest.approx(nats.standard_error / (64 * math.log(2)))
    assert bits.unit == "bits/dimension"
    assert 0 < bits.value < 1.2
    drawn = " by data.seed 0" if mode == "static" else ""
    assert found.pixels == f"{mode} binary{drawn}"
    assert "implied_gaussian_scale" not in found.numbers


def test_densities_have_no_bits_per_dimension(tmp_path: Path) -> None:
    for kind in ("gaussian", "continuous_bernoulli"):
        experiment = tiny(f"model.likelihood.kind={kind}", f"task_name={kind}", "training.epochs=1")
        found = evaluate(train(experiment, tmp_path).run, samples=2)
        assert not [name for name in found.numbers if "bits" in name]


def test_some_images_are_measured_without_the_encoder_where_it_is_asked_for(
    trained: Run, tmp_path: Path
) -> None:
    run = copy_of(trained, tmp_path / "run")
    assert metrics_of(run, ais=6)[-1] == AISMetric(images=6)
    numbers = evaluate(run, samples=4, metrics=[AISMetric(images=6, distributions=5)]).numbers
    assert "8 chains of 5 distributions, 6 images" in numbers["nll_ais8_nats"].estimator
    assert "4 samples against 8 chains" in numbers["iwae4_gap_nats"].estimator


def test_a_metric_that_is_named_is_measured_too(
    trained: Run, tmp_path: Path, vaelab: Command
) -> None:
    run = copy_of(trained, tmp_path / "run")
    config = run.config_path.read_text()
    start = config.index("evaluation:")
    kept = config[config.index("explorer:", start) :]
    run.config_path.write_text(config[:start] + "evaluation: {metrics: [bound]}\n" + kept)
    assert vaelab("evaluate", run.path, "--metric", "neighbours").code == 0
    numbers = Run(run.path).evaluation()["numbers"]
    assert set(numbers) == {
        "distortion_nats", "rate_nats", "elbo_nats", "rate_z1_nats", "rate_z2_nats", "knn5_accuracy"
    }  # fmt: skip
    answer = vaelab("evaluate", run.path, "--metric", "neighbors")
    assert answer.code == 2
    assert "did you mean `neighbours`" in answer.err


def test_an_empty_split_is_an_error(tmp_path: Path) -> None:
    run = train(tiny("data.validation=0", "training.epochs=1"), tmp_path).run
    with pytest.raises(BadValueError, match=r"the valid split of .*tiny is empty; choose another"):
        evaluate(run, "valid")
    assert not run.evaluation_path.exists()


def test_a_run_without_weights_names_the_command_that_makes_them(
    trained: Run, tmp_path: Path
) -> None:
    run = copy_of(trained, tmp_path / "run")
    run.weights_path.unlink()
    with pytest.raises(MissingFileError, match=f"vaelab train {run.path} --resume"):
        evaluate(run)


@pytest.mark.parametrize("damage", [b"nonsense", b"", None])
def test_damaged_weights_are_named(damage: bytes | None, trained: Run, tmp_path: Path) -> None:
    run = copy_of(trained, tmp_path / "run")
    content = run.weights_path.read_bytes()
    run.weights_path.write_bytes(content[:500] if damage is None else damage)
    with pytest.raises(BadValueError, match=r"weights.safetensors is damaged"):
        evaluate(run)


def test_weights_of_another_model_are_named(trained: Run, conditional: Run, tmp_path: Path) -> None:
    run = copy_of(trained, tmp_path / "run")
    shutil.copy(conditional.weights_path, run.weights_path)
    with pytest.raises(BadValueError, match=r"weights.safetensors does not fit the model"):
        evaluate(run)


def test_data_that_is_gone_is_said_in_words(tmp_path: Path, vaelab: Command) -> None:
    draws = np.random.default_rng(0)
    archive = tmp_path / "mine.npz"
    images = draws.integers(0, 256, (120, 8, 8), np.uint8)
    np.savez(archive, images=images, labels=np.arange(120) % 3)
    train(tiny(f"data={{kind: npz, path: '{archive}'}}", "training.epochs=1"), tmp_path / "runs")
    run = tmp_path / "runs" / "tiny"
    assert vaelab("evaluate", run, "--samples", 2).code == 0
    archive.unlink()
    for words in (["evaluate", run], ["figures", run, "latent"], ["describe", run]):
        answer = vaelab(*words)
        assert answer.code == 2
        assert answer.err.startswith("vaelab: ")
        assert str(archive) in answer.err
        assert "Traceback" not in answer.err
    # what needs no data goes on
    assert vaelab("sample", run, "--num", 4, "--out", tmp_path / "four.png").code == 0


# --- the overview


def test_the_overview_lists_good_and_damaged_runs(trained: Run, tmp_path: Path) -> None:
    good = copy_of(trained, tmp_path / "good[1]")
    numbers = evaluate(good, samples=2).numbers
    damages = {
        "config": ("config.yaml", "epochs: [1"),
        "keys": ("config.yaml", "traning: {epochs: 3}"),
        "metrics": ("metrics.jsonl", "{ nonsense\n"),
        "evaluation": ("evaluation.json", "{"),
    }
    for name, (file, content) in damages.items():
        (copy_of(good, tmp_path / name).path / file).write_text(content)
    (tmp_path / "notes").mkdir()
    lines = text(overview(tmp_path), 400).splitlines()
    rows = {line.split()[0]: line for line in lines if line.strip()}
    valid = max(row["elbo_nats"] for row in good.metrics() if row["split"] == "valid")
    for part in (
        "digits", "2/2", f"{valid:,.1f}", f"{numbers['elbo_nats'].value:,.1f}",
        f"{numbers['knn5_accuracy'].value:.3f}",
    ):  # fmt: skip
        assert part in rows["good[1]"]
    for name, (file, _) in damages.items():
        assert "damaged: " in rows[name]
        assert file in rows[name]
    assert "did you mean `training`" in rows["keys"]
    assert "notes" not in rows


def test_a_run_that_was_never_measured_has_no_test_numbers(trained: Run, tmp_path: Path) -> None:
    copy_of(trained, tmp_path / "fresh")
    (line,) = [line for line in text(overview(tmp_path)).splitlines() if "fresh" in line]
    assert line.split()[-2:] == ["-", "-"]


def test_numbers_of_another_split_do_not_pass_for_those_of_the_test(
    trained: Run, tmp_path: Path
) -> None:
    run = copy_of(trained, tmp_path / "validated")
    evaluate(run, "valid", 2)
    (line,) = [line for line in text(overview(tmp_path)).splitlines() if "validated" in line]
    assert line.split()[-2:] == ["-", "-"]


def test_numbers_of_weights_that_training_has_replaced_are_called_old(tmp_path: Path) -> None:
    run = train(tiny("training.epochs=1"), tmp_path).run
    before = evaluate(run, samples=2).numbers["elbo_nats"].value

    def shown() -> str:
        (line,) = [line for line in text(overview(tmp_path), 300).splitlines() if "tiny" in line]
        return line

    assert f"{before:,.1f}" in shown()
    assert "old" not in shown()
    train(tiny("training.epochs=3"), tmp_path, Start.RESUME)
    assert run.about_weights()["epoch"] > 1
    assert f"{before:,.1f} (old)" in shown()
    assert f"{run.about_weights()['valid_elbo_nats']:,.1f}" in shown()
    row = run.evaluation()
    assert not run.has_measured(row)
    now = evaluate(run, samples=2).numbers["elbo_nats"].value
    assert f"{now:,.1f}" in shown()
    assert "old" not in shown()


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("sizes", [False, True])
def test_a_narrow_overview_keeps_numbers_sizes_and_words_whole(
    trained: Run, tmp_path: Path, width: int, sizes: bool
) -> None:
    names = ("trap_thresholded_right", "simple_seed111", "mnist_" + "conditional_" * 3 + "long")
    for name in names:
        run = copy_of(trained, tmp_path / name)
        if name == "simple_seed111":
            (run.path / "evaluation.json").write_text("{")
    shown = text(overview(tmp_path, sizes), width)
    lines = shown.splitlines()
    assert max(map(len, lines)) <= width
    (line,) = [line for line in lines if "trap_thresholded_right" in line]
    valid = f"{trained.about_weights()['valid_elbo_nats']:,.1f}"
    assert f"{valid}     -     -" in line
    assert line.split()[-1] == ("MB" if sizes else "-")
    assert "damaged: " in shown
    assert "vaelab evaluate" in " ".join(shown.split())
    assert any(line.split()[0].startswith("mnist_conditional_") for line in lines if line.strip())


@pytest.mark.parametrize("width", [50, 80])
def test_a_name_in_wide_letters_is_whole_and_leaves_the_numbers_room(
    trained: Run, tmp_path: Path, width: int
) -> None:
    copy_of(trained, tmp_path / ("漢" * 40))
    shown = text(overview(tmp_path), width)
    assert shown.count("漢") == 40
    assert f"{trained.about_weights()['valid_elbo_nats']:,.1f}     -     -" in shown


def test_a_run_is_loaded_and_measured_beside_the_global_random_numbers(trained: Run) -> None:
    before = torch.get_rng_state()
    one_line_diagnosis(trained)
    assert torch.equal(torch.get_rng_state(), before)


def test_no_folder_of_runs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="there is no folder"):
        overview(tmp_path / "nowhere")
