"""The command line as a user types it: what it prints, writes, and how it ends."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
import yaml
from PIL import Image

from tests.conftest import Answer
from tests.training.conftest import TINY, tiny
from vaelab.cli import app
from vaelab.config import to_yaml, validate
from vaelab.data import MnistData
from vaelab.experiment import Experiment
from vaelab.kinds import AXES
from vaelab.runs.inference import correlations
from vaelab.runs.lookup import load_experiment
from vaelab.runs.names import shipped_configs
from vaelab.runs.run import Run
from vaelab.runs.runfiles import foreign
from vaelab.runs.runlock import LOCK, RunLock
from vaelab.yamlfile import parse_yaml

Command = Callable[..., Answer]
WORDS = [word for word in TINY if not word.startswith("task_name")]


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of its own, on a wide terminal, so that no line is broken."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")


@pytest.fixture
def run(trained: Run) -> Run:
    """A finished run in ./runs/tiny."""
    shutil.copytree(trained.path, "runs/tiny")
    return Run(Path("runs/tiny"))


@pytest.fixture
def by_class(conditional: Run) -> Run:
    """A finished conditional run in ./runs/classes."""
    shutil.copytree(conditional.path, "runs/classes")
    return Run(Path("runs/classes"))


def refused(answer: Answer, *parts: str) -> None:
    """One message, on stderr, that says these things; exit code 2."""
    assert answer.code == 2
    assert answer.err.startswith("vaelab: ")
    assert answer.err.count("vaelab: ") == 1
    assert "Traceback" not in answer.err
    assert answer.err.endswith("\n")
    for part in parts:
        assert part in answer.err


# --- help


def commands() -> list[list[str]]:
    def walk(command: object, words: list[str]) -> list[list[str]]:
        inner = getattr(command, "commands", {})
        return [words, *(w for name in inner for w in walk(inner[name], [*words, name]))]

    return walk(typer.main.get_command(app), [])


def test_every_command_of_the_readme_is_there() -> None:
    assert {" ".join(words) for words in commands()} == {
        "", "train", "fit-prior", "quality", "reproduce", "trap", "demo", "figures", "evaluate",
        "compare", "doctor", "describe", "runs", "clean", "encode", "reconstruct", "sample",
        "kinds", "schema",
        "config", "config show", "config suggest", "config translate", "data",
        "data show", "data extract", "data fetch", "data shard", "explore", "export", "export site",
        "sweep", "sweep run", "sweep resume", "sweep status", "sweep best",
    }  # fmt: skip


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_help_teaches(words: list[str], vaelab: Command) -> None:
    answer = vaelab(*words, "--help")
    assert answer.code == 0
    assert answer.err == ""
    said = " ".join(answer.out.split())
    assert f"Usage: vaelab {' '.join(words)}".strip() in said
    if words not in ([], ["data"], ["config"], ["demo"], ["export"]):
        assert f"vaelab {' '.join(words)}" in said.partition("Example")[2]
    assert answer.out == vaelab(*words, "-h").out


def test_no_command_at_all_shows_the_help(vaelab: Command) -> None:
    answer = vaelab()
    assert "vaelab demo" in answer.out + answer.err
    assert answer.code == 2


@pytest.mark.parametrize(
    "words", [["trian"], ["train"], ["train", "digits", "--fast"], ["sample", "x", "--num", "0"]]
)
def test_words_it_does_not_know_are_an_error_of_use(words: list[str], vaelab: Command) -> None:
    answer = vaelab(*words)
    assert answer.code == 2
    assert "Usage: vaelab" in answer.err
    assert "Traceback" not in answer.err


# --- train


def test_train_prints_numbers_and_the_next_command(vaelab: Command) -> None:
    answer = vaelab("train", "digits", "task_name=mine", *WORDS)
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0].startswith("mine: digits, 1,338 images of 1 x 8 x 8 to train on, 100 for")
    run = Run(Path("runs/mine"))
    last = [row for row in run.metrics() if row["split"] == "valid"][-1]
    assert f"elbo {last['elbo_nats']:.2f} nats" in answer.out
    assert lines[-1] == "next: vaelab evaluate runs/mine"
    _, *words = lines[-1].removeprefix("next: ").split()
    assert vaelab(*words, "--samples", 2).code == 0


def test_seeds_trained_together_have_one_next_command(vaelab: Command) -> None:
    answer = vaelab("train", "digits", "task_name=two", "training.replicas=2", *WORDS)
    lines = [line for line in answer.out.splitlines() if line.startswith("next: ")]
    assert lines == ["next: vaelab evaluate runs/two_seed0 runs/two_seed1"]


def test_train_takes_a_folder_of_runs(vaelab: Command) -> None:
    assert vaelab("train", "digits", *WORDS, "--runs", "elsewhere/deep").code == 0
    assert Run(Path("elsewhere/deep/digits")).weights_path.is_file()
    assert not Path("runs").exists()


def test_a_finished_run_says_so_and_ends_well(run: Run, vaelab: Command) -> None:
    answer = vaelab("train", run.path, "--resume")
    assert answer.code == 0
    assert "is finished: 2 epochs" in answer.out
    command = answer.out.partition("`vaelab ")[2].partition("`")[0]
    assert "training.epochs=4" in command
    assert vaelab(*command.split()).code == 0
    assert max(row["epoch"] for row in run.metrics()) == 4
    answer = vaelab("train", run.path, "--resume", "training.epochs=3")
    assert "is finished: 4 epochs, and 3 would be fewer" in answer.out


def test_resume_says_what_the_command_changes_unasked(run: Run, vaelab: Command) -> None:
    config = yaml.safe_load(run.config_path.read_text())
    config["training"] |= {"epochs": 3, "threads": 1}
    config["figures"]["at_end"] = ["rates"]
    Path("tiny.yaml").write_text(yaml.safe_dump(config))
    answer = vaelab("train", "tiny.yaml", "--resume", "training.threads=1")
    assert answer.code == 0
    notes = [line for line in answer.out.splitlines() if line.startswith("note: ")]
    assert notes == [
        "note: training.epochs was 2 and is now 3", "note: figures.at_end is not the run's",
    ]  # fmt: skip
    assert "note: " not in vaelab("train", run.path, "--resume", "training.epochs=4").out


def test_resume_without_a_run_begins_one(vaelab: Command) -> None:
    answer = vaelab("train", "digits", *WORDS, "--resume")
    assert answer.code == 0
    assert "note: there is no run in runs/digits to go on with" in answer.out
    assert max(row["epoch"] for row in Run(Path("runs/digits")).metrics()) == 2
    assert "to go on with" not in vaelab("train", "digits", *WORDS, "--resume").out


def test_an_existing_run_is_refused_unless_told(run: Run, vaelab: Command) -> None:
    before = run.weights_path.read_bytes()
    config = run.config_path
    refused(vaelab("train", config), "there is a run", "--resume", "--overwrite")
    assert run.weights_path.read_bytes() == before
    assert vaelab("train", config, "training.seed=3", "--overwrite").code == 0
    assert run.weights_path.read_bytes() != before
    refused(vaelab("train", config, "--overwrite", "--resume"), "choose one")


def test_a_renamed_run_goes_on_where_it_is(run: Run, vaelab: Command) -> None:
    run.path.rename("2024")
    assert vaelab("train", "2024", "--resume", "training.epochs=3").code == 0
    assert max(row["epoch"] for row in Run(Path("2024")).metrics()) == 3
    assert Run(Path("2024")).experiment.task_name == "2024"
    assert not list(Path("runs").iterdir())


def test_a_run_that_is_stopped_says_how_to_go_on(vaelab: Command) -> None:
    answer = vaelab("train", "digits", *WORDS, "training.max_minutes=1e-9")
    assert answer.code == 0
    assert "to go on: vaelab train runs/digits --resume" in answer.out
    assert "next:" not in answer.out


def test_the_seeds_yaml_is_trained_as_it_is(vaelab: Command) -> None:
    Path("old.yaml").write_text(yaml.safe_dump(seed_config()))
    refused(vaelab("train", "old.yaml"), "data/train/images")
    draws = np.random.default_rng(0)
    for split, count in {"train": 40, "test": 10}.items():
        for i in range(count):
            folder = Path(f"data/{split}/images/{i % 2}")
            folder.mkdir(parents=True, exist_ok=True)
            picture = Image.fromarray(draws.integers(0, 256, (28, 28), np.uint8))
            picture.save(folder / f"{i}.png")
    answer = vaelab("train", "old.yaml", "figures.at_end=[curves]")
    assert (answer.code, answer.err) == (0, "")
    notes = [line for line in answer.out.splitlines() if line.startswith("note: ")]
    assert any("in_channels did nothing" in note for note in notes)
    run = Run(Path("runs/old"))
    assert max(row["epoch"] for row in run.metrics()) == 3
    assert run.experiment == load_experiment("old.yaml", ["figures.at_end=[curves]"])[0]
    assert (run.figures / "curves.png").is_file()


# --- bad configs


BAD: dict[str, tuple[str | bytes, tuple[str, ...]]] = {
    "yaml": ("training:\n  epochs: [1\n", ("bad.yaml, line ", "not valid YAML")),
    "twice": ("seed: 1\nseed: 2\n", ("line 2", "`seed` stands twice")),
    "list": ("- digits\n", ("a config is a mapping", "got list")),
    "empty": ("", ("a config is a mapping",)),
    "bytes": (b"\xff\xfe\x00", ("not a text file",)),
    "key": ("traning: {epochs: 3}\n", ("unknown key `traning`", "did you mean `training`?")),
    "deep": ("model: {encoder: {kind: mlp, width: [3]}}\n",
             ("unknown key `model.encoder.width`", "did you mean `model.encoder.widths`?")),
    "kind": ("model: {prior: {kind: standart_normal}}\n",
             ("`model.prior.kind`", "did you mean `standard_normal`?")),
    "value": ("training: {epochs: many}\n", ("`training.epochs`", "'many'")),
    "several": ("training: {epochs: 0}\nmodel: {latent: -1}\n",
                ("`training.epochs`", "`model.latent`")),
    "name": ("task_name: ../up\n", ("`task_name`", "plain folder name")),
    "combination": ("model: {likelihood: {kind: bernoulli}}\n",
                    ("bernoulli", "data.pixels is `unit`", "use `pixels: binary`")),
    "data": ("data: {kind: npz, path: gone.npz}\n", ("gone.npz",)),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_config_is_refused_in_words(name: str, vaelab: Command) -> None:
    content, parts = BAD[name]
    path = Path("bad.yaml")
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(vaelab("train", path), *parts)
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["nowhere.yaml"], ["nowhere.yaml", "shipped configs: cb, digits"]),
        (["digit"], ["did you mean `digits`?"]),
        (["digits", "model.latnet=3"], ["`model.latnet`", "did you mean `model.latent`?"]),
        (["digits", "model.latent"], ["is not an override", "key=value"]),
        (["digits", "task_name.x=3"], ["goes through `task_name`"]),
        (["digits", "training.device=cuda:7"], ["`training.device`", "cuda:7"]),
        (["digits", "model.condition.encoder=one_hot", "model.encoder={kind: conv}"], ["planes"]),
        (["digits", "data.validation=5000"], ["data.validation is 5000", "1438"]),
        (["."], ["there are no images in this folder"]),
    ],
)
def test_a_bad_command_is_refused_in_words(
    words: list[str], parts: list[str], vaelab: Command
) -> None:
    refused(vaelab("train", *words), *parts)
    assert not Path("runs").exists()


# --- figures, evaluate, runs


def test_figures_with_options(run: Run, vaelab: Command) -> None:
    answer = vaelab("figures", "tiny", "manifold", "range=quantile", "grid=5", "samples", "num=30")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == "pictures in runs/tiny/output: manifold.png, samples.png\n"
    with np.load(run.figures / "manifold.npz") as panel:
        assert panel["x"].shape == (5,)
        np.testing.assert_allclose(panel["x"], -panel["x"][::-1], atol=1e-6)
        assert len(set(np.diff(panel["x"]).round(3))) > 1  # quantiles are not even
    with np.load(run.figures / "samples.npz") as panel:
        assert panel["pictures"].shape[0] == 30
    with Image.open(run.figures / "manifold.png") as picture:
        assert min(picture.size) > 300


@pytest.mark.parametrize(("ending", "begins"), [("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_figures_for_print(ending: str, begins: bytes, run: Run, vaelab: Command) -> None:
    answer = vaelab("figures", "tiny", "rates", "--format", ending)
    assert f"rates.{ending}" in answer.out
    assert (run.figures / f"rates.{ending}").read_bytes().startswith(begins)
    assert foreign(run.path) == []


def test_figures_of_the_config(run: Run, vaelab: Command) -> None:
    config = run.config_path.read_text().replace("at_end: []", "at_end: [curves, rates]")
    run.config_path.write_text(config)
    assert vaelab("figures", run.path).out.endswith(": curves.png, rates.png\n")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["manifol"], ["`manifol`", "did you mean `manifold`?"]),
        (["manifold", "gird=3"], ["unknown key `figure.gird`", "did you mean `figure.grid`?"]),
        (["manifold", "grid=one"], ["`figure.grid`", "'one'"]),
        (["grid=3"], ["`grid=3` stands before any figure"]),
        (["manifold", "grid=[3"], ["the option grid=[3", "not valid YAML"]),
        (["interpolation", "first=5000"], ["interpolation.first is 5000", "359"]),
    ],
)
def test_figures_that_cannot_be(
    words: list[str], parts: list[str], run: Run, vaelab: Command
) -> None:
    refused(vaelab("figures", run.path, *words), *parts)
    assert not run.figures.exists()


def test_evaluate_prints_what_it_writes(run: Run, vaelab: Command) -> None:
    answer = vaelab("evaluate", "tiny", "--samples", 3, "--split", "valid")
    assert (answer.code, answer.err) == (0, "")
    written = json.loads(run.evaluation_path.read_text())
    assert (written["split"], written["images"]) == ("valid", 100)
    assert "100 valid images" in answer.out
    for name, number in written["numbers"].items():
        assert name in answer.out
        assert f"{number['value']:.6g}" in answer.out


def test_several_runs_are_evaluated_where_all_are_there(
    run: Run, by_class: Run, vaelab: Command
) -> None:
    refused(vaelab("evaluate", "tiny", "nowhere"), "nowhere")
    assert not run.evaluation_path.exists()
    answer = vaelab("evaluate", "tiny", "classes", "--samples", 2)
    assert (answer.code, answer.err) == (0, "")
    for one in (run, by_class):
        value = json.loads(one.evaluation_path.read_text())["numbers"]["elbo_nats"]["value"]
        assert f"{value:.6g}" in answer.out


def test_runs_are_listed(run: Run, by_class: Run, vaelab: Command) -> None:
    vaelab("evaluate", "tiny", "--samples", 2)
    answer = vaelab("runs")
    assert answer.code == 0
    elbo = json.loads(run.evaluation_path.read_text())["numbers"]["elbo_nats"]["value"]
    lines = {line.split()[0]: line for line in answer.out.splitlines() if line.strip()}
    assert f"{elbo:,.1f}" in lines["tiny"]
    assert "2/2" in lines["classes"]
    assert vaelab("runs", "runs").out == answer.out
    assert vaelab("runs", "--runs", "runs").out == answer.out
    refused(vaelab("runs", "elsewhere"), "there is no folder elsewhere", "vaelab train")


def test_runs_fit_80_columns_with_their_size(
    run: Run, vaelab: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    vaelab("evaluate", "tiny", "--samples", 2)
    answer = vaelab("runs", "--size")
    lines = answer.out.splitlines()
    assert max(map(len, lines)) <= 80
    (line,) = [line for line in lines if line.split()[:1] == ["tiny"]]
    numbers = json.loads(run.evaluation_path.read_text())["numbers"]
    size = sum(path.stat().st_size for path in run.path.rglob("*") if path.is_file())
    assert line.split()[1:] == [
        "digits", "mlp", "2,", "gaussian", "2/2",
        f"{run.about_weights()['valid_elbo_nats']:,.1f}",
        f"{numbers['elbo_nats']['value']:,.1f}", f"{numbers['knn5_accuracy']['value']:.3f}",
        f"{size / 1e6:.1f}", "MB",
    ]  # fmt: skip
    assert f"{size / 1e6:.1f} MB in all" in " ".join(answer.out.split())


def test_clean_removes_what_is_made_again_and_nothing_else(run: Run, vaelab: Command) -> None:
    vaelab("evaluate", "tiny", "--samples", 2)
    assert vaelab("figures", "tiny", "samples", "latent").code == 0
    mine = run.figures / "samples_of_mine.txt"
    mine.write_text("mine")
    files = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    pictures = {path for path in files if path.suffix in {".png", ".npz"}} - {run.plane_path}
    pictures = {path for path in pictures if path.parent == run.figures}
    past = {path for path in pictures if "epoch" in path.name}
    wanted = pictures - past | {run.per_image_path}
    assert len(wanted) == 5
    refused(vaelab("clean", "tiny"), "Delete 5 files", "--yes")
    assert all(path.is_file() for path in files)
    with RunLock(run.path, "training"):
        refused(vaelab("clean", "tiny", "--yes"), "is being written by process")
    assert all(path.is_file() for path in files)
    freed = sum(len(files[path]) for path in wanted)
    assert vaelab("clean", "tiny", "--yes").out == f"runs/tiny: {freed / 1e6:.1f} MB freed\n"
    left = {path for path in run.path.rglob("*") if path.is_file()}
    assert left - {run.path / ".lock"} == files.keys() - wanted - {run.path / ".lock"}
    assert all(path.read_bytes() == files[path] for path in left & files.keys())
    assert "nothing that could be made again" in vaelab("clean", "tiny", "--yes").out
    assert vaelab("clean", "tiny", "--yes", "--history").code == 0
    assert {path.name for path in run.figures.iterdir()} == {mine.name}
    assert not run.bundle.exists()
    assert run.weights_path.read_bytes() == files[run.weights_path]
    vaelab("figures", "tiny", "samples")
    assert (run.figures / "samples.png").read_bytes() == files[run.figures / "samples.png"]


def test_a_page_of_a_wrong_ending_is_refused(run: Run, vaelab: Command) -> None:
    for words in (["x.txt"], ["x.html"]):
        refused(vaelab("export", "site", "tiny", *words), "would be a folder", "--single-file")
    refused(vaelab("export", "site", "tiny", "x.txt", "--single-file"), ".html; name it x.html")
    assert not list(Path().glob("x*"))


@pytest.mark.parametrize("command", ["figures", "evaluate", "encode", "reconstruct", "sample"])
def test_a_run_that_is_not_there(command: str, vaelab: Command) -> None:
    files = ["x.png"] if command in {"encode", "reconstruct"} else []
    refused(vaelab(command, "nothing", *files), "there is no run in nothing", "vaelab train")


# --- describe, kinds, schema, config


def test_describe_a_config_and_a_run(run: Run, vaelab: Command) -> None:
    answer = vaelab("describe", "digits")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.endswith("drawn in digits_architecture.png\n")
    experiment, _ = load_experiment("digits")
    model = experiment.model.build((1, 8, 8), experiment.data.pixels.domain, 10)
    assert f"{sum(p.numel() for p in model.parameters()):,}" in answer.out
    with Image.open("digits_architecture.png") as picture:
        assert picture.size[0] >= 600
    answer = vaelab("describe", run.path, "--picture", "deep/tiny.png")
    assert answer.code == 0
    model, _ = run.load_model()
    assert f"{sum(p.numel() for p in model.parameters()):,}" in answer.out
    assert Path("deep/tiny.png").is_file()


def test_kinds(vaelab: Command) -> None:
    everything, priors, names = (vaelab("kinds", *w) for w in (["--long"], ["prior"], []))
    assert everything.code == priors.code == names.code == 0
    for axis in AXES:
        assert f"\n {axis.name}" in everything.out or f"\n{axis.name}" in everything.out
    listed = names.out.replace(",", " ").split()
    assert {kind for axis in AXES for kind in axis.kinds} <= set(listed)
    assert "arXiv" in everything.out
    assert "arXiv" not in names.out
    assert names.out.count("\n") < 70
    assert "vamp" in priors.out
    assert "arXiv 1705.07120" in priors.out
    assert "adamw" not in priors.out
    refused(vaelab("kinds", "priors"), "no axis `priors`", "did you mean `prior`?")
    one = vaelab("kinds", "prior", "vamp")
    assert (one.code, one.err) == (0, "")
    for said in (
        "p(z) = 1/M sum over m of q(z|u_m)",
        "Use it where",
        "{kind: vamp, components: 100}",
    ):
        assert said in one.out
    refused(vaelab("kinds", "prior", "vmap"), "no prior `vmap`", "did you mean `vamp`?")


def test_the_schema_is_json(vaelab: Command) -> None:
    answer = vaelab("schema")
    assert (answer.code, answer.err) == (0, "")
    schema = json.loads(answer.out)
    assert set(schema["properties"]) == set(Experiment.model_fields)


@pytest.mark.parametrize("name", shipped_configs())
def test_a_config_that_is_shown_loads_back_equal(name: str, vaelab: Command) -> None:
    answer = vaelab("config", "show", name, "model.latent=7")
    assert answer.code == 0
    Path("shown.yaml").write_text(answer.out)
    shown, notes = load_experiment("shown.yaml")
    assert shown == load_experiment(name, ["model.latent=7"])[0]
    assert shown.model.latent == 7
    assert notes == []


def test_what_another_kind_resets_is_printed_apart_from_the_config(vaelab: Command) -> None:
    answer = vaelab("config", "show", "mnist", "objective=tcvae")
    assert answer.err == (
        "note: objective=tcvae starts from its own defaults: beta is 6.0, not 1; "
        "objective.beta=... sets it\n"
    )
    assert parse_yaml(answer.out, "shown")["objective"]["beta"]["value"] == 6
    trained = vaelab("train", "digits", *WORDS, "objective=tcvae", "training.epochs=1")
    assert "note: objective=tcvae starts from its own defaults: beta is 6.0, not" in trained.out


def seed_config() -> dict[str, object]:
    return {
        "model_params": {
            "in_channels": 1, "convbn_blocks": 2, "conv_kernel_size": [2, 2],
            "conv_kernel_strides": [2, 2], "convbn_channels": [1, 4, 8],
            "enc_fc_layers": [392, 16, 2], "enc_fc_mu_activation": None,
            "enc_fc_var_activation": None, "conv_activation_fn": "leaky",
            "enc_fc_activation_fn": "leaky", "dec_fc_layers": [2, 16, 392],
            "dec_fc_activation_fn": "leaky", "transpose_bn_blocks": 2,
            "transposebn_channels": [8, 4, 1], "transpose_kernel_size": [2, 2],
            "transpose_kernel_strides": [2, 2], "transpose_activation_fn": "tanh",
            "log_variance": True, "latent_dim": 2, "concat_channel": False,
            "decoder_fc_condition": False, "num_classes": 10, "conditional": False,
        },
        "train_params": {
            "task_name": "old", "batch_size": 64, "epochs": 3, "kl_weight": 1e-5, "lr": 0.005,
            "crit": "l2", "ckpt_name": "old.pth", "seed": 111, "save_training_image": False,
            "train_path": "data/train/images", "test_path": "data/test/images",
            "output_train_dir": "output", "save_latent_plot": False,
        },
    }  # fmt: skip


def test_translate_the_seeds_yaml(vaelab: Command) -> None:
    Path("old.yaml").write_text(yaml.safe_dump(seed_config()))
    answer = vaelab("config", "translate", "old.yaml")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("# - ")
    assert "in_channels did nothing" in " ".join(answer.out.replace("#", "").split())
    translated = validate(Experiment, parse_yaml(answer.out, "out"), "out")
    assert translated == load_experiment("old.yaml")[0]
    assert (translated.training.epochs, translated.model.latent) == (3, 2)
    assert translated.model.likelihood.scale == pytest.approx((1e-5 * 784 / 2) ** 0.5, rel=1e-4)
    refused(vaelab("config", "translate", "gone.yaml"), "gone.yaml")
    Path("new.yaml").write_text(to_yaml(tiny()))
    refused(vaelab("config", "translate", "new.yaml"), "new.yaml")


# --- data


def test_show_data(vaelab: Command) -> None:
    answer = vaelab("data", "show", "digits", "data.validation=97")
    assert (answer.code, answer.err) == (0, "")
    assert "8 x 8" in answer.out
    assert "1,341" in answer.out
    checksum = load_experiment("digits", ["data.validation=97"])[0].data.load().checksum
    assert checksum in answer.out
    assert answer.out.endswith("picture: digits_data.png\n")
    with Image.open("digits_data.png") as picture:
        assert picture.size[0] >= 1000
    assert vaelab("data", "show", "digits", "--picture", "other.png").code == 0
    assert Path("other.png").is_file()


def test_extract_a_csv_and_train_on_it(vaelab: Command) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 16))
    with Path("some.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["label", *(f"pixel{i}" for i in range(16))])
        table.writerows([i % 2, *row] for i, row in enumerate(images))
    answer = vaelab("data", "extract", "some.csv", "out", "--split", "train")
    assert answer.code == 0
    assert "written: " in answer.out
    with Image.open("out/train/images/1/2.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), images[1].reshape(4, 4))
    assert len(list(Path("out").rglob("*.png"))) == 40
    answer = vaelab("train", "digits", *WORDS, "data={kind: images, path: out, validation: 4}")
    assert answer.code == 0, answer.err
    assert Run(Path("runs/digits")).load_model()[1]["classes"] == ["0", "1"]
    refused(vaelab("data", "extract", "some.csv", "out", "--split", "train"), "exists already")
    refused(vaelab("data", "extract", "gone.csv", "out", "--split", "test"), "gone.csv")


def test_fetch_what_the_cache_has_needs_no_network(
    mnist_folder: Path, vaelab: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VAELAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(MnistData, "mirrors", ("http://127.0.0.1:9/",))  # nobody listens
    answer = vaelab("data", "fetch", "mnist")  # the folder that was chosen has them
    assert (answer.code, answer.out) == (0, f"mnist is in {mnist_folder}\n")
    monkeypatch.delenv("VAELAB_MNIST")
    downloads = tmp_path / "cache" / "downloads" / "mnist"
    refused(vaelab("data", "fetch", "mnist"), "127.0.0.1:9")
    downloads.mkdir(parents=True, exist_ok=True)
    for remote in MnistData.files:
        if not (mnist_folder / f"{remote.name}.gz").is_file():
            pytest.skip("VAELAB_MNIST has plain files, and the cache holds .gz")
        shutil.copy(mnist_folder / f"{remote.name}.gz", downloads)
    answer = vaelab("data", "fetch", "mnist")
    assert (answer.code, answer.out) == (0, f"mnist is in {downloads}\n")
    assert len(MnistData(validation=0).load().train) == 60_000


# --- a person's own files


@pytest.fixture
def pictures(trained: Run) -> list[Path]:
    """A test image as it is, in colour, larger, and wide with margins to be cropped."""
    grey = trained.experiment.data.load().test.images[0, 0]
    image = Image.fromarray(grey)
    wide = Image.new("L", (40, 16))
    wide.paste(image.resize((16, 16), Image.Resampling.NEAREST), (12, 0))
    files = {
        "grey.png": image,
        "colour.png": image.convert("RGB"),
        "large.png": image.resize((32, 32), Image.Resampling.NEAREST),
        "wide.bmp": wide,
    }
    for name, picture in files.items():
        picture.save(name)
    return [Path(name) for name in files]


def codes_in(path: str) -> tuple[list[str], list[str], np.ndarray]:
    with Path(path).open(newline="") as file:
        header, *rows = csv.reader(file)
    return header, [row[0] for row in rows], np.array([row[1:] for row in rows], float)


def test_encode_own_pictures(run: Run, pictures: list[Path], vaelab: Command) -> None:
    answer = vaelab("encode", "tiny", *pictures, "--out", "codes.csv")
    note = "note: 2 of 4 pictures were scaled and cropped to the model's 8 x 8 pixels\n"
    assert (answer.code, answer.out, answer.err) == (0, "written: codes.csv\n", note)
    header, names, numbers = codes_in("codes.csv")
    assert header == ["file", "z1_loc", "z2_loc", "z1_scale", "z2_scale"]
    assert names == [path.name for path in pictures]
    model, _ = run.load_model()
    x = torch.from_numpy(run.experiment.data.load().test.images[:1]) / 255
    with torch.no_grad():
        posterior = model.encode(x)
    expected = torch.cat([posterior.mean, posterior.stddev], 1)[0].numpy()
    np.testing.assert_allclose(numbers[:2], np.stack([expected] * 2), rtol=1e-4)
    # made smaller again they are nearly the same image
    np.testing.assert_allclose(numbers[2:], np.stack([expected] * 2), atol=0.5)


def test_pictures_as_the_model_takes_them_need_no_note(run: Run, vaelab: Command) -> None:
    Image.new("L", (8, 8), 90).save("one.png")
    assert vaelab("encode", "tiny", "one.png").err == ""
    Image.new("RGB", (8, 8), "red").save("red.png")
    note = "note: 1 of 2 pictures was in colour and made grey, as the model's images are\n"
    assert vaelab("reconstruct", "tiny", "one.png", "red.png").err == note


def test_a_run_named_without_its_folder_is_a_config_too(run: Run, vaelab: Command) -> None:
    assert "tiny_architecture.png" in vaelab("describe", "tiny").out
    assert vaelab("config", "show", "tiny").out == vaelab("config", "show", "runs/tiny").out != ""
    refused(vaelab("train", "tiny"), "runs/tiny already; --resume goes on")
    refused(vaelab("train", "tiny", "--runs", "others"), "there is no config or run tiny")
    run.path.rename("runs/digits")
    shipped = vaelab("config", "show", "digits").out
    assert shipped != vaelab("config", "show", "runs/digits").out


def test_the_override_is_blamed_and_not_the_file(vaelab: Command) -> None:
    for override in ("beta=4", "model.latent=x", "model.encoder.widths=[3, x]", "model.prior=vmp"):
        answer = vaelab("config", "show", "digits", override)
        refused(answer, f"vaelab: the override `{override}`:")
    refused(vaelab("config", "show", "digits", "beta=4", "lr=1"), "the override `lr=1`:")


def test_codes_of_files_as_arrays(run: Run, vaelab: Command) -> None:
    Image.new("L", (8, 8), 90).save("one.png")
    assert vaelab("encode", "tiny", "one.png", "--out", "codes.npz").code == 0
    with np.load("codes.npz", allow_pickle=False) as arrays:
        assert arrays["files"].tolist() == ["one.png"]
        assert arrays["loc"].shape == arrays["scale"].shape == (1, 2)


def test_encode_a_split(run: Run, vaelab: Command) -> None:
    codes = run.codes("test")
    assert vaelab("encode", "tiny", "--split", "test").out == "written: codes.csv\n"
    header, names, numbers = codes_in("codes.csv")
    assert header == ["class", "z1_loc", "z2_loc", "z1_scale", "z2_scale"]
    assert names == [str(label) for label in codes.labels]
    np.testing.assert_allclose(numbers, np.concatenate([codes.loc, codes.scale], 1), rtol=1e-5)
    assert vaelab("encode", "tiny", "--split", "valid", "--out", "codes.npz").code == 0
    with np.load("codes.npz", allow_pickle=False) as arrays:
        valid = run.images("valid")
        assert (arrays["labels"] == valid.labels).all()
        assert arrays["loc"].shape == arrays["scale"].shape == (len(valid), 2)
        assert (arrays["class"] == arrays["labels"].astype(str)).all()
    note = "each dimension by itself; full_normal has correlations too"
    assert correlations(run) == []
    vaelab("train", "runs/tiny", "task_name=full", "model.posterior=full_normal")
    assert note in vaelab("encode", "full", "--split", "test", "--overwrite").err
    refused(vaelab("encode", "tiny"), "name images, or a --split")
    refused(vaelab("encode", "tiny", "x.png", "--split", "test"), "one of the two")
    refused(vaelab("encode", "tiny", "--split", "test", "--label", "3"), "--label is for files")


def test_reconstruct_own_pictures(run: Run, pictures: list[Path], vaelab: Command) -> None:
    answer = vaelab("reconstruct", run.path, *pictures)
    assert (answer.code, answer.out) == (0, "written: reconstructed.png\n")
    with Image.open("reconstructed.png") as picture:
        assert (picture.mode, picture.size) == ("L", (2 * 112, 4 * 112))
        sheet = np.asarray(picture)[7::14, 7::14]
    images = run.experiment.data.load().test.images[:1]
    np.testing.assert_array_equal(sheet[:8, :8], images[0, 0])
    np.testing.assert_array_equal(sheet[8:16, :8], images[0, 0])
    model, _ = run.load_model()
    with torch.no_grad():
        output = model.decode(model.encode(torch.from_numpy(images) / 255).mean).mean[0, 0]
    expected = (output.clamp(0, 1) * 255).round().numpy()
    np.testing.assert_allclose(sheet[:8, 8:], expected, atol=1)


def test_sample(run: Run, vaelab: Command) -> None:
    assert vaelab("sample", "tiny", "--num", 7).out == "written: samples.png\n"
    with Image.open("samples.png") as picture:
        assert picture.size == (3 * 112, 3 * 112)
        sheet = np.asarray(picture)
    assert (sheet[-112:, -2 * 112 :] == 255).all()  # the seventh is alone in its row
    tiles = {sheet[i * 112 : i * 112 + 112, :112].tobytes() for i in range(3)}
    assert len(tiles) == 3
    vaelab("sample", "tiny", "--num", 7, "--out", "again.png")
    vaelab("sample", "tiny", "--num", 7, "--seed", 1, "--out", "other.png")
    first, again, other = (
        Path(f"{name}.png").read_bytes() for name in ("samples", "again", "other")
    )
    assert first == again
    assert first != other


def test_a_conditional_run_wants_a_label(
    by_class: Run, pictures: list[Path], vaelab: Command
) -> None:
    for command in ("encode", "reconstruct"):
        refused(vaelab(command, "classes", pictures[0]), "--label", "0, 1, 2, 3, 4, 5, 6, 7, 8, 9")
        refused(vaelab(command, "classes", pictures[0], "--label", "ten"), "`ten`", "0, 1, 2")
    refused(vaelab("sample", "classes", "--label", "ten"), "no class `ten`", "0, 1, 2")

    found = []
    for label in ("3", "5"):
        words = ("encode", "classes", pictures[0], "--label", label, "--overwrite")
        assert vaelab(*words).code == 0
        found.append(codes_in("codes.csv")[2])
    model, _ = by_class.load_model()
    x = torch.from_numpy(by_class.experiment.data.load().test.images[:1]) / 255
    with torch.no_grad():
        for label, numbers in zip((3, 5), found, strict=True):
            loc = model.encode(x, torch.eye(10)[[label]]).mean[0]
            np.testing.assert_allclose(numbers[0, :2], loc.numpy(), rtol=1e-4)
    assert vaelab("reconstruct", "classes", pictures[0], "--label", 3).code == 0


def test_samples_of_a_class_and_of_every_class(by_class: Run, vaelab: Command) -> None:
    """The codes are the same, so the tile of a class is where its turn comes."""
    sheets = {}
    for name, words in {"all": [], "two": ["--label", "2"], "five": ["--label", "5"]}.items():
        assert vaelab("sample", "classes", "--num", 9, *words, "--out", f"{name}.png").code == 0
        with Image.open(f"{name}.png") as picture:
            sheets[name] = np.asarray(picture).reshape(3, 112, 3, 112).transpose(0, 2, 1, 3)
    every = sheets["all"].reshape(9, -1)
    assert (every[2] == sheets["two"].reshape(9, -1)[2]).all()
    assert (every[5] == sheets["five"].reshape(9, -1)[5]).all()
    assert (every[5] != sheets["two"].reshape(9, -1)[5]).any()


def test_a_label_means_nothing_without_classes(
    run: Run, pictures: list[Path], vaelab: Command
) -> None:
    for command, files in (("encode", pictures), ("reconstruct", pictures), ("sample", [])):
        refused(vaelab(command, "tiny", *files, "--label", "3"), "is not conditional")


def test_files_that_are_no_pictures(run: Run, pictures: list[Path], vaelab: Command) -> None:
    Path("notes.png").write_text("no picture")
    Path("cut.png").write_bytes(pictures[2].read_bytes()[:60])
    for command in ("encode", "reconstruct"):
        refused(vaelab(command, "tiny", pictures[0], "gone.png"), "there is no file gone.png")
        refused(vaelab(command, "tiny", "notes.png"), "notes.png: this is no PNG")
        refused(vaelab(command, "tiny", "cut.png"), "cut.png: this image is damaged")
        refused(vaelab(command, "tiny", "runs"), "runs: ")
    assert not Path("codes.csv").exists()
    assert not Path("reconstructed.png").exists()


@pytest.mark.parametrize("out", ["file/out.x", "runs", "n" * 300])
def test_places_that_cannot_be_written(
    out: str, run: Run, pictures: list[Path], vaelab: Command
) -> None:
    Path("file").write_text("not a folder")
    for command, files in (("encode", pictures), ("reconstruct", pictures), ("sample", [])):
        refused(vaelab(command, "tiny", *files, "--out", out), f"cannot write {out}")
    assert not [path for path in Path().rglob(".*") if path.name != LOCK]


@pytest.mark.slow
def test_colour_and_levels_reach_the_file_as_they_are(
    vaelab: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a model of colour pictures sees of a file is that file."""
    draws = np.random.default_rng(1)
    images = draws.integers(0, 256, (60, 6, 6, 3), np.uint8)
    np.savez("colour.npz", images=images, labels=np.zeros(60, np.int64))
    Image.fromarray(images[0]).save("first.png")
    for pixels in ("unit", "signed", "levels"):
        words = ["data={kind: npz, path: colour.npz}", f"data.pixels={pixels}"]
        assert vaelab("train", "digits", *WORDS, *words, "--overwrite").code == 0
        assert vaelab("reconstruct", "digits", "first.png").code == 0
        with Image.open("reconstructed.png") as picture:
            assert (picture.mode, picture.size) == ("RGB", (2 * 108, 108))
            seen = np.asarray(picture)[9::18, 9:108:18]
        np.testing.assert_array_equal(seen, images[0])


# --- demo and faults


@pytest.mark.slow
def test_demo_trains_draws_measures_and_replaces_itself(
    vaelab: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demonstration with less to do."""
    load = load_experiment
    less = ["training.epochs=1", "figures={every_epoch: [], at_end: [curves]}"]
    monkeypatch.setattr(
        "vaelab.runs.lookup.load_experiment", lambda name, words=(): load(name, [*words, *less])
    )
    for _ in range(2):
        answer = vaelab("demo")
        assert (answer.code, answer.err) == (0, "")
        assert "knn5_accuracy" in answer.out
        assert "look at the pictures in runs/" in answer.out
    (folder,) = Path("runs").iterdir()
    assert (folder / "output" / "curves.png").is_file()
    assert (folder / "evaluation.json").is_file()


PICTURES = [
    "latent.png", "latent.gif", "reconstruction.png", "manifold.png", "interpolation.png",
    "interpolation.gif", "samples.png", "traversal.png", "curves.png", "rates.png",
    "latent_epoch_0.png",
]  # fmt: skip


@pytest.mark.slow
def test_the_demonstration_as_it_is() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vaelab", "demo"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    (folder,) = Path("runs").iterdir()
    run = Run(folder)
    for name in PICTURES:
        with Image.open(run.figures / name) as picture:
            assert min(picture.size) > 100, name
            assert len(np.unique(np.asarray(picture.convert("L")))) > 5, name
    assert not (run.figures / "interp").exists()
    epochs = run.experiment.training.epochs
    assert (run.figures / f"latent_epoch_{epochs}.png").is_file()
    numbers = json.loads(run.evaluation_path.read_text())["numbers"]
    assert numbers["knn5_accuracy"]["value"] >= 0.55
    assert numbers["elbo_nats"]["value"] >= 80
    assert f"{numbers['elbo_nats']['value']:.6g}" in done.stdout


def test_a_fault_of_ours_has_a_traceback_and_another_exit_code(
    run: Run, vaelab: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*given: object) -> None:
        raise RuntimeError("a screw is loose")

    monkeypatch.setattr("vaelab.runs.inference.Inference.sample", break_down)
    answer = vaelab("sample", "tiny")
    assert answer.code == 1
    assert "Traceback" in answer.err
    assert "RuntimeError: a screw is loose" in answer.err
    assert "fault of vaelab" in answer.err.splitlines()[-1]


def test_the_number_of_threads_is_left_to_the_training(
    vaelab: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert vaelab("kinds", "prior").code == 0
    assert "OMP_NUM_THREADS" not in os.environ


@pytest.mark.slow
def test_a_warning_is_one_line() -> None:
    words = ["data", "show", "digits", "data.pixels={kind: binary, mode: threshold}"]
    done = subprocess.run([sys.executable, "-m", "vaelab", *words], capture_output=True, text=True)
    assert done.returncode == 0
    assert "not comparable with published" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_reader_that_stops_reading_is_no_fault() -> None:
    command = f"'{sys.executable}' -m vaelab schema | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("{\n", "")


def test_what_is_no_option_or_too_much_is_answered_with_what_to_type(
    run: Run, vaelab: Command
) -> None:
    refused(vaelab("train", "--epochs", 3), "did you mean training.epochs=3?")
    refused(vaelab("train", "digits", "--beta=4"), "did you mean objective.beta=4?")
