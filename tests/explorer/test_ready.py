"""Comparisons that are ready to open: which runs are of their kinds, and what is wanted."""

import os
from pathlib import Path
from typing import Any

import pytest

from vaelab.experiment import Change, ExplorerConfig
from vaelab.explorer.choices import experiment_of
from vaelab.explorer.library import Library
from vaelab.explorer.ready import READY, ready
from vaelab.runs.run import Run
from vaelab.training import train


def made(folder: Path, name: str, base: str, wished: dict[str, Any], written: int = 0) -> None:
    """A run of that config, its networks in a single short epoch."""
    experiment = experiment_of(base, wished | {"training.epochs": 1}, folder, name)
    train(experiment.model_copy(update={"explorer": ExplorerConfig(keep=0)}), folder)
    os.utime(folder / name / "config.yaml", (written, written))


def shown(folder: Path, name: str) -> list[str | None]:
    (row,) = (row for row in ready(Library(folder)) if row["name"] == name)
    return [part["run"] for part in row["parts"]]


@pytest.mark.parametrize("row", READY, ids=lambda row: row["name"])
def test_what_is_wanted_can_be_trained(row: dict[str, Any], tmp_path: Path) -> None:
    for part in row["parts"]:
        experiment = experiment_of(part["base"], part["set"], tmp_path, part["name"])
        shape, classes = experiment.data.image_spec()
        experiment.model.build(shape, experiment.data.pixels.domain, classes)
        assert experiment.training.epochs == 40


def test_nothing_is_there_in_an_empty_folder(tmp_path: Path) -> None:
    assert [shown(tmp_path, row["name"]) for row in READY] == [
        [None, None, None], [None, None], [None, None], [None, None],
    ]  # fmt: skip


@pytest.mark.slow
def test_runs_of_the_kinds_are_found_and_no_others(tmp_path: Path) -> None:
    made(tmp_path, "one", "mnist_3000", {"objective.beta": 1})
    made(tmp_path, "demo", "mnist_3000", {})  # whose beta changes
    made(tmp_path, "wide", "mnist_3000", {"objective.beta": 100, "model.latent": 3})
    made(tmp_path, "digits", "digits", {"objective.beta": 0})
    assert shown(tmp_path, "beta") == [None, "one", None]
    assert shown(tmp_path, "prior") == ["one", None]
    made(tmp_path, "newer", "mnist_3000", {"objective.beta": 1, "training.seed": 5}, written=9)
    made(tmp_path, "vamp", "mnist_3000", {"objective.beta": 1, "model.prior": "vamp"})
    assert shown(tmp_path, "prior") == ["newer", "vamp"]


def test_a_training_that_was_stopped_is_none_of_them(tmp_path: Path) -> None:
    made(tmp_path, "one", "mnist_3000", {"objective.beta": 1})
    config = tmp_path / "one" / "config.yaml"
    config.write_text(config.read_text().replace("epochs: 1\n", "epochs: 2\n"))
    assert shown(tmp_path, "prior") == [None, None]


def test_a_run_whose_beta_was_changed_meanwhile_is_none_of_them(tmp_path: Path) -> None:
    made(tmp_path, "one", "mnist_3000", {"objective.beta": 1})
    Run(tmp_path / "one").save_changes((Change(step=5, learning_rate=1e-4), Change(step=7)))
    assert shown(tmp_path, "prior") == ["one", None]
    Run(tmp_path / "one").save_changes((Change(step=5, beta=0.1),))
    assert shown(tmp_path, "prior") == [None, None]


@pytest.mark.slow
def test_all_of_a_comparison_have_the_same_data(tmp_path: Path) -> None:
    digits = {"data": {"kind": "digits", "pixels": {"kind": "unit"}}}
    made(tmp_path, "one", "mnist_3000", {"objective.beta": 1})
    made(tmp_path, "other", "mnist_3000", {"objective.beta": 1, "model.prior": "vamp"} | digits)
    assert shown(tmp_path, "prior") == ["one", None]
    made(tmp_path, "both", "mnist_3000", {"objective.beta": 1} | digits)
    assert shown(tmp_path, "prior") == ["both", "other"]


@pytest.mark.slow
def test_pixels_from_minus_one_to_one_are_the_same_images(tmp_path: Path) -> None:
    small = {"data": {"kind": "mnist_3000", "pixels": {"kind": "signed"}}}
    made(tmp_path, "a", "vae_kl", small)
    made(tmp_path, "b", "mnist", {"data": {"kind": "mnist_3000", "pixels": {"kind": "unit"}}})
    assert shown(tmp_path, "scale") == ["a", "b"]
