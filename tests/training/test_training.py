"""What a training computes, writes and refuses."""

import json
import math
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.training.conftest import tiny
from vaelab.config import to_yaml
from vaelab.data.loading.evaluation import EvalLoader
from vaelab.errors import BadValueError, StorageError
from vaelab.metrics import BoundMetric
from vaelab.runs.run import Run
from vaelab.training import Start, build_model, train
from vaelab.training.precision import number_format


@pytest.mark.slow
def test_the_same_command_twice_gives_the_same_metrics_bit_for_bit(runs: Path) -> None:
    first = train(tiny("task_name=first"), runs).run
    torch.manual_seed(99)
    second = train(tiny("task_name=second"), runs).run
    other = train(tiny("task_name=other", "training.seed=1"), runs).run
    assert first.metrics() == second.metrics()
    assert first.metrics() != other.metrics()


@pytest.mark.slow
def test_the_run_directory_holds_what_it_should(runs: Path) -> None:
    run = train(
        tiny(
            "figures={every_epoch: [latent], at_end: [curves]}", "model.latent=3", "explorer.keep=3"
        ),
        runs,
    ).run
    names = {path.name for path in run.path.iterdir()}
    assert names == {
        ".lock", "config.yaml", "environment.json", "explorer", "metrics.jsonl", "output",
        "pca.npz", "resume.safetensors", "weights.safetensors",
    }  # fmt: skip
    pictures = {path.name for path in run.figures.glob("*.png")}
    assert pictures == {
        "latent_epoch_0.png",
        "latent_epoch_1.png",
        "latent_epoch_2.png",
        "curves.png",
    }
    assert Run(run.path).experiment == run.experiment
    environment = run.environment()
    assert environment["data_checksum"] == run.experiment.data.load().checksum
    assert environment["packages"]["torch"] == torch.__version__


def test_best_weights_are_those_of_the_best_validation_elbo(runs: Path) -> None:
    run = train(tiny("training.epochs=4", "training.optimizer.learning_rate=0.03"), runs).run
    valid = {row["epoch"]: row["elbo_nats"] for row in run.metrics() if row["split"] == "valid"}
    model, about = run.load_model()
    assert about["epoch"] == max(valid, key=valid.__getitem__)
    data = run.experiment.data
    number = BoundMetric()(model, EvalLoader(data.load().valid, data.pixels, 0))["elbo_nats"]
    assert number.value == pytest.approx(max(valid.values()), abs=1e-6)


def test_without_validation_the_last_weights_are_kept_and_the_run_says_so(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from vaelab.console import Console

    run = train(tiny("data.validation=0"), runs, console=Console(width=500)).run
    assert run.load_model()[1]["epoch"] == 2
    assert "the last weights are kept" in capsys.readouterr().out


def test_every_image_is_seen_once_an_epoch_and_weighs_the_same(runs: Path) -> None:
    """The epoch's mean of a model that does not learn is the mean over images."""
    experiment = tiny(
        "training.optimizer.learning_rate=1e-30", "training.epochs=1", "training.log_every=100000",
        "training.precision=float64", "training.batch_size=100",
    )  # fmt: skip
    run = train(experiment, runs).run
    logged = next(row for row in run.metrics() if row["split"] == "train")
    store = experiment.data.load()
    torch.set_default_dtype(torch.float64)
    try:
        model = build_model(experiment, store.image_spec).eval()
        numbers = BoundMetric(samples=50)(model, EvalLoader(store.train, experiment.data.pixels, 0))
    finally:
        torch.set_default_dtype(torch.float32)
    assert logged["rate_nats"] == pytest.approx(numbers["rate_nats"].value, abs=1e-9)
    assert logged["distortion_nats"] == pytest.approx(numbers["distortion_nats"].value, rel=0.02)


def test_a_last_batch_of_one_image_joins_the_one_before(runs: Path) -> None:
    conv = "model.encoder={kind: conv, channels: [4, 4, 4], kernels: [2, 2, 2], strides: [2, 2, 2]}"
    images = len(tiny().data.load().train)
    run = train(tiny(conv, f"training.batch_size={images - 1}", "training.epochs=1"), runs).run
    assert run.metrics()[0]["step"] == 1


def test_a_loss_that_is_not_finite_stops_the_run_with_step_and_advice(runs: Path) -> None:
    train(tiny("training.epochs=1"), runs)
    diverging = tiny("training.epochs=3", "training.optimizer.learning_rate=1e30", "task_name=bad")
    with pytest.raises(BadValueError, match=r"loss of step \d+ is not a finite number.*smaller "):
        train(diverging, runs)
    saved = Run(runs / "bad").resume_path
    assert saved.is_file()


def test_after_divergence_the_last_good_weights_are_kept(runs: Path) -> None:
    good = train(tiny("training.epochs=1"), runs).run
    before = good.weights_path.read_bytes()
    resume = tiny("training.epochs=3", "objective.beta={kind: linear, start: 0, end: 1, epochs: 1}")
    exploding = tiny("training.epochs=3", "task_name=tiny")
    # the third epoch meets an image store whose scale has been ruined on disk
    tensors = torch.full((1,), float("nan"))
    from vaelab.tensorfile import read_tensors, write_tensors

    saved, about = read_tensors(good.resume_path)
    name = next(key for key in saved if key.startswith("model.encoder") and key.endswith("weight"))
    saved[name] = tensors.expand_as(saved[name]).clone()
    write_tensors(good.resume_path, saved, about)
    with pytest.raises(BadValueError, match=r"weights of epoch 1 are kept"):
        train(exploding, runs, Start.RESUME)
    assert good.weights_path.read_bytes() == before
    assert resume.training.epochs == 3


def test_an_unwritable_folder_is_a_clear_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(StorageError, match=r"cannot write .*earlier files are intact"):
        train(tiny(), blocked)


@pytest.mark.slow
def test_a_full_disk_leaves_the_earlier_files_intact(runs: Path, tmp_path: Path) -> None:
    """A process that may write no file over 40 kB stands for the full disk."""
    run = train(tiny(), runs).run
    before = {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}
    config = tmp_path / "more.yaml"
    config.write_text(to_yaml(tiny("training.epochs=3")))

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    done = subprocess.run(
        [sys.executable, "-m", "vaelab", "train", str(config), "--resume", "--runs", str(runs)],
        capture_output=True, text=True, preexec_fn=limit, env=os.environ,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    for name in ("weights.safetensors", "resume.safetensors"):
        assert (run.path / name).read_bytes() == before[name]
    assert not list(run.path.glob(".*.tmp"))


def test_the_preview_is_an_input_beside_its_reconstruction(runs: Path) -> None:
    run = train(tiny("training.preview=true"), runs).run
    with Image.open(run.figures / "preview.png") as image:
        assert image.size == (2 * 128, 128)
        pixels = np.asarray(image)
    data = run.experiment.data.load().valid.images[0, 0]
    np.testing.assert_array_equal(pixels[::16, :128:16], data)


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_named(runs: Path, device: str) -> None:
    if getattr(torch, device).is_available():
        pytest.skip(f"there is a {device} device here")
    with pytest.raises(BadValueError, match=f"training.device is `{device}`"):
        train(tiny(f"training.device={device}"), runs)
    assert not runs.exists()


def test_tf32_is_refused_where_there_is_none(runs: Path) -> None:
    with pytest.raises(BadValueError, match="a format of NVIDIA GPUs"):
        train(tiny("training.precision=tf32", "training.device=cpu"), runs)
    assert not runs.exists()


@pytest.mark.parametrize("precision", ["float32", "float64", "tf32"])
def test_the_number_format_is_put_back(precision: str) -> None:
    def formats() -> tuple[object, ...]:
        backends = torch.backends
        return (
            torch.get_default_dtype(),
            backends.cuda.matmul.fp32_precision,
            backends.cudnn.conv.fp32_precision,
        )

    before = formats()
    with number_format(precision):
        dtype, *products = formats()
        assert dtype == (torch.float64 if precision == "float64" else torch.float32)
        assert products == ["tf32" if precision == "tf32" else "ieee"] * 2
    assert formats() == before


def test_bfloat16_trains_and_stays_near_float32(runs: Path) -> None:
    runs_by = {
        precision: train(
            tiny(f"training.precision={precision}", f"task_name={precision}"), runs
        ).run
        for precision in ("float32", "bfloat16")
    }
    elbos = {name: run.metrics()[-1]["elbo_nats"] for name, run in runs_by.items()}
    assert elbos["bfloat16"] == pytest.approx(elbos["float32"], rel=0.05)
    assert elbos["bfloat16"] != elbos["float32"]


def test_metrics_are_plain_json_with_finite_numbers(runs: Path) -> None:
    run = train(tiny(), runs).run
    for line in run.metrics_path.read_text().splitlines():
        row = json.loads(line)
        assert row["split"] in {"train", "valid"}
        assert all(math.isfinite(value) for value in row.values() if isinstance(value, float))
        total = row["distortion_nats"] + row["rate_nats"]
        assert row["elbo_nats"] == pytest.approx(-total, abs=1e-4)
