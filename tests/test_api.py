"""vaelab as a notebook sees it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

import vaelab
from tests.training.conftest import tiny
from vaelab.config import validate
from vaelab.console import digits
from vaelab.drawing import render
from vaelab.errors import BadValueError, MissingFileError
from vaelab.experiment import Experiment
from vaelab.runs.run import Run


def test_importing_vaelab_and_its_command_line_does_not_import_torch() -> None:
    code = "import sys, vaelab, vaelab.cli; print({'torch', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'fitt'"):
        vaelab.fitt  # noqa: B018


MAPPING = {
    "task_name": "mapped",
    "data": {"kind": "digits", "validation": 100},
    "model": {"encoder": {"kind": "mlp", "widths": [16]}},
    "training": {"epochs": 1},
    "figures": {"every_epoch": [], "at_end": []},
}


@pytest.mark.slow
def test_training_from_a_mapping_an_experiment_and_a_file(tmp_path: Path) -> None:
    mapped = vaelab.train(MAPPING, "model.latent=3", folder=tmp_path, quiet=True)
    assert mapped.path == tmp_path / "mapped"
    assert mapped.experiment.model.latent == 3
    assert MAPPING["model"] == {"encoder": {"kind": "mlp", "widths": [16]}}

    again = vaelab.train(mapped.experiment, "task_name=again", folder=str(tmp_path), quiet=True)
    assert again.metrics() == mapped.metrics()

    config = again.path / "config.yaml"
    read = vaelab.train(config, "task_name=read", folder=tmp_path, quiet=True)
    assert read.metrics() == mapped.metrics()


def test_what_another_kind_resets_is_said_in_python_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("objective=tcvae", "training.epochs=1", "figures={every_epoch: [], at_end: []}")
    given = validate(Experiment, MAPPING | {"objective": {"beta": 2}}, "given")
    vaelab.train(given, *words, folder=tmp_path)
    said = capsys.readouterr().out
    assert "note: objective=tcvae starts from its own defaults: beta is 6.0, not 2.0;" in said


def test_what_is_wrong_is_said_as_on_the_command_line(tmp_path: Path) -> None:
    with pytest.raises(BadValueError, match=r"unknown key `model.latnet`; did you mean `model.lat"):
        vaelab.train(MAPPING, "model.latnet=3", folder=tmp_path)
    with pytest.raises(MissingFileError, match="did you mean `digits`"):
        vaelab.train("digit", folder=tmp_path)


def test_quiet_is_quiet_and_loud_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vaelab.train(MAPPING, folder=tmp_path, quiet=True)
    assert capsys.readouterr().out == ""
    vaelab.train(MAPPING, folder=tmp_path, overwrite=True)
    said = capsys.readouterr().out
    assert "epoch   1/1" in said
    assert re.search(r'doctor: .*; vaelab\.diagnose\("\S+"\) says [^:]*$', " ".join(said.split()))


@pytest.mark.slow
def test_a_run_that_is_named_goes_on_where_it_lies(tmp_path: Path) -> None:
    run = vaelab.train(tiny("task_name=first"), folder=tmp_path / "a", quiet=True)
    moved = run.path.rename(tmp_path / "2024")  # a name that YAML would read as a number
    longer = vaelab.train(moved, "training.epochs=3", resume=True, quiet=True)
    assert longer.path == moved
    assert max(row["epoch"] for row in longer.metrics()) == 3
    alone = vaelab.train(tiny("training.epochs=3"), folder=tmp_path / "b", quiet=True)
    assert longer.metrics() == alone.metrics()


def test_encode_decode_and_sample(trained: Run) -> None:
    model = vaelab.load(trained.path)
    assert not model.training
    images = torch.from_numpy(trained.experiment.data.load().test.images[:5] / 255).float()
    with torch.no_grad():
        posterior = model.encode(images)
        assert posterior.mean.shape == posterior.stddev.shape == (5, 2)
        assert (posterior.stddev > 0).all()
        output = model.decode(posterior.mean).mean
        assert output.shape == (5, 1, 8, 8)
        # nearer to the images than to those of their neighbours
        own = (output - images).square().mean()
        assert own < (output - images.roll(1, 0)).square().mean()
        assert model.sample(7).mean.shape == (7, 1, 8, 8)
        drawn = torch.cat([model.decode(torch.zeros(1, 2)).sample() for _ in range(2)])
    assert not torch.equal(drawn[0], drawn[1])


def test_a_conditional_model_takes_one_hot_classes(conditional: Run) -> None:
    model = vaelab.load(str(conditional.path))
    assert model.classes == 10
    with torch.no_grad():
        images = model.sample(3, torch.eye(10)[:3]).mean
        z = torch.zeros(10, 2)
        all_classes = model.decode(z, torch.eye(10)).mean
    assert images.shape == (3, 1, 8, 8)
    assert len({tuple(image.flatten().tolist()) for image in all_classes}) == 10


def test_a_figure_is_a_matplotlib_figure_with_its_options(trained: Run) -> None:
    few, many = (vaelab.figure(trained.path, "samples", num=num) for num in (10, 30))
    assert isinstance(few, Figure)
    assert render(many).shape[0] > render(few).shape[0]
    unset = vaelab.figure(trained.path, "interpolation", frames=20, first=None, label=None)
    assert np.array_equal(
        render(unset), render(vaelab.figure(trained.path, "interpolation", frames=20))
    )


def test_a_figure_or_option_that_does_not_exist(trained: Run) -> None:
    with pytest.raises(BadValueError, match="did you mean `manifold`"):
        vaelab.figure(trained.path, "manifol")
    with pytest.raises(BadValueError, match=r"unknown key `figure.gird`; did you mean `figure.gr"):
        vaelab.figure(trained.path, "manifold", gird=3)


def test_a_run_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="there is no run in"):
        vaelab.load(tmp_path / "nothing")


def test_a_run_is_found_by_its_name_in_the_folder_of_runs(
    trained: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "runs").symlink_to(trained.path.parent)
    monkeypatch.chdir(tmp_path)
    one, other = vaelab.load("tiny"), vaelab.load(trained.path)
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    assert all(torch.equal(first, second) for first, second in pairs)


def test_codes_and_images_of_a_split_are_arrays(trained: Run) -> None:
    run = Run(str(trained.path))
    with pytest.raises(BadValueError, match="no split `none`; choose one of train"):
        run.experiment.data.load().split("none")
    images, codes = run.images("valid"), run.codes("valid")
    assert (images.images.dtype, images.images.shape[1:]) == (np.uint8, (1, 8, 8))
    assert (codes.labels == images.labels).all()
    model, _ = run.load_model()
    with torch.no_grad():
        posterior = model.encode(torch.from_numpy(images.images[:7]) / 255)
    np.testing.assert_allclose(codes.loc[:7], posterior.mean, atol=1e-6)
    np.testing.assert_allclose(codes.scale[:7], posterior.stddev, atol=1e-6)


def test_what_there_is_can_be_seen(trained: Run) -> None:
    assert {*vaelab.__all__} <= {*dir(vaelab)}
    assert repr(trained) == f"Run({str(trained.path)!r}): digits, mlp 2, gaussian"


def test_what_is_measured_prints_as_what_it_is(
    trained: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(shutil.copytree(trained.path, tmp_path / "tiny"))
    evaluation = vaelab.evaluate(run, samples=2)
    value = digits(evaluation.numbers["elbo_nats"].value, 6)
    (line,) = [one for one in repr(evaluation).splitlines() if one.split()[:1] == ["elbo_nats"]]
    assert value in line
    assert "\x1b" not in repr(evaluation)
    capsys.readouterr()
    assert re.fullmatch(r"Codes of (\d+) images: loc and scale \(\1, 2\), labels \(\1,\)",
                        repr(run.codes("test")))  # fmt: skip
    examination = vaelab.diagnose(run)
    assert capsys.readouterr().out == ""
    assert repr(examination).startswith(f"{run.path}: ")
    assert ", on 100 validation images" in " ".join(repr(examination).split())
