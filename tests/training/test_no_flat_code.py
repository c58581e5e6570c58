"""A model whose code is not one vector: all that can be made of it is, the rest says why not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.conftest import tiny
from vaelab.console import Console
from vaelab.errors import BadCombinationError
from vaelab.explorer.library import Library
from vaelab.runs.render import figure_context, figures_named
from vaelab.runs.run import Run
from vaelab.training import Start, replicas, train, train_together

LEVELS = ["model.kind=hierarchical", "model.latent=3", "figures.every_epoch=[latent]",
          "figures.at_end=[latent, reconstruction, samples, manifold, curves]"]  # fmt: skip


@pytest.fixture(scope="module")
def levels(tmp_path_factory: pytest.TempPathFactory) -> Run:
    assignments = [*LEVELS, "explorer.keep=4", "training.preview=true", "task_name=levels"]
    console = Console(record=True, quiet=True)
    run = train(tiny(*assignments), tmp_path_factory.mktemp("runs"), console=console).run
    return run


def test_training_draws_what_suits_it(levels: Run) -> None:
    drawn = {path.name for path in levels.figures.glob("*.png")}
    assert drawn == {"preview.png", "reconstruction.png", "samples.png", "curves.png"}
    assert levels.bundle.exists()
    assert not levels.plane_path.exists()
    (row,) = [row for row in levels.metrics() if row["split"] == "valid" and row["epoch"] == 2]
    parts = row["rate_level1_nats"] + row["rate_level2_nats"]
    assert row["rate_nats"] == pytest.approx(parts, abs=1e-6)


def test_what_is_left_out_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(tiny(*LEVELS), tmp_path, console=Console(width=300))
    assert "without latent, manifold, which are made of codes that are one vector" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize("name", ["latent", "manifold", "interpolation", "traversal", "rates"])
def test_figures_of_codes_are_refused(name: str, levels: Run) -> None:
    (figure,) = figures_named([name])
    with pytest.raises(BadCombinationError, match="HierarchicalVAE has none; use `model: vae`"):
        figure.compute(figure_context(levels))


def test_commands_that_need_a_code_say_so(levels: Run, vaelab: Any, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    assert vaelab("sample", levels.path, "--out", picture).code == 0
    answer = vaelab("encode", levels.path, picture)
    assert answer.code == 2, answer
    assert "needs a code that is one vector" in answer.err


def test_the_explorer_shows_it(levels: Run) -> None:
    (row,) = Library(levels.path.parent).rows()
    assert row["obstacle"] is None


@pytest.mark.slow
def test_interrupted_and_resumed_it_ends_at_the_same_bits(tmp_path: Path) -> None:
    whole = train(tiny(*LEVELS), tmp_path / "whole").run
    train(tiny(*LEVELS, "training.epochs=1"), tmp_path / "parts")
    parts = train(tiny(*LEVELS), tmp_path / "parts", Start.RESUME).run
    assert whole.weights_path.read_bytes() == parts.weights_path.read_bytes()


@pytest.mark.slow
def test_replicas_are_what_each_would_be_alone(tmp_path: Path) -> None:
    experiment = tiny(*LEVELS, "training.replicas=2", "training.seed=3")
    together = train_together(replicas(experiment), tmp_path / "together")
    for one, outcome in zip(replicas(experiment), together, strict=True):
        alone = train(one, tmp_path / "alone").run.load_model()[0].state_dict()
        found = outcome.run.load_model()[0].state_dict()
        for name, value in alone.items():
            torch.testing.assert_close(found[name], value, atol=2e-4, rtol=2e-3)
    assert np.isfinite(together[0].run.metrics()[-1]["elbo_nats"])
