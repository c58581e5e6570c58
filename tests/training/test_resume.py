"""A training that was killed or stopped ends as one left alone, bit for bit."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.training.conftest import tiny
from vaelab.config import to_yaml
from vaelab.errors import BadCombinationError, BadValueError
from vaelab.objectives import ELBOConfig
from vaelab.runs.run import Run
from vaelab.tensorfile import read_tensors
from vaelab.training import Start, train
from vaelab.training.state import read_progress

# about a second an epoch, saved five times a second
LONG = (
    "model.encoder={kind: conv, channels: [8, 16], kernels: [3, 3], strides: [1, 1], heads: [64]}",
    "training.batch_size=8",
    "training.epochs=5",
    "training.save_minutes=0.0005",
    "training.learning_rate_schedule={kind: plateau, watch: train, patience: 0}",
    "data.pixels={kind: binary, mode: dynamic}",
    "model.likelihood.kind=bernoulli",
    "objective.beta={kind: linear, epochs: 3}",
)


def command(config: Path, runs: Path) -> list[str]:
    return [
        sys.executable, "-m", "vaelab", "train", str(config), "--runs", str(runs), "--resume"
    ]  # fmt: skip


def same_tensors(one: Path, other: Path) -> bool:
    first, second = read_tensors(one)[0], read_tensors(other)[0]
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("alone")
    (folder / "long.yaml").write_text(to_yaml(tiny(*LONG)))
    subprocess.run(command(folder / "long.yaml", folder), check=True, capture_output=True)
    return Run(folder / "tiny")


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_same_weights(
    uninterrupted: Run, runs: Path
) -> None:
    run, draws = runs / "tiny", random.Random(3)
    kills, step = 0, 0
    while kills < 4:
        process = subprocess.Popen(
            command(uninterrupted.config_path, runs),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        goal = step + draws.randint(5, 60)
        while process.poll() is None:
            time.sleep(0.03)
            resume = run / "resume.safetensors"
            if resume.is_file() and read_progress(resume).step >= goal:
                break
        time.sleep(draws.uniform(0, 0.1))
        assert process.poll() is None, "the run ended before it could be killed"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        progress = read_progress(run / "resume.safetensors")
        step = progress.step
        kills += progress.batch > 0
    subprocess.run(command(run, runs), check=True, capture_output=True)

    killed = Run(run)
    assert same_tensors(killed.weights_path, uninterrupted.weights_path)
    assert same_tensors(killed.resume_path, uninterrupted.resume_path)
    assert killed.metrics() == uninterrupted.metrics()
    lines = [(row["step"], row["split"]) for row in killed.metrics()]
    assert len(lines) == len(set(lines))


@pytest.mark.slow
def test_a_signal_finishes_the_step_saves_and_says_how_to_go_on(
    uninterrupted: Run, runs: Path
) -> None:
    step, resume = 0, runs / "tiny" / "resume.safetensors"
    for kind in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen(
            command(uninterrupted.config_path, runs), stdout=subprocess.PIPE, text=True
        )
        while not (resume.is_file() and read_progress(resume).step > step + 30):
            assert process.poll() is None
            time.sleep(0.03)
        process.send_signal(kind)
        output, _ = process.communicate(timeout=180)
        assert process.returncode == 128 + kind
        assert f"to go on: vaelab train {runs / 'tiny'} --resume" in output
        assert step + 30 < read_progress(resume).step < step + 300
        step = read_progress(resume).step
    subprocess.run(command(runs / "tiny", runs), check=True, capture_output=True)
    assert same_tensors(Run(runs / "tiny").weights_path, uninterrupted.weights_path)


def test_a_second_signal_ends_it_at_once_in_words() -> None:
    program = (
        "from signal import SIGINT, raise_signal\n"
        "from vaelab.training import interruptible\n"
        "with interruptible('; to go on: ...'):\n"
        "    raise_signal(SIGINT)\n    print('the step', flush=True)\n    raise_signal(SIGINT)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == -signal.SIGINT
    assert done.stdout == "the step\n"
    assert done.stderr == (
        "\nvaelab: ended at once; what was saved before is whole; to go on: ...\n"
    )


@pytest.mark.slow
def test_extended_it_ends_as_if_it_had_been_asked_for_more_at_once(runs: Path) -> None:
    train(tiny("training.epochs=4", "task_name=long"), runs)
    train(tiny(), runs)
    train(tiny("training.epochs=4"), runs, Start.RESUME)
    assert same_tensors(Run(runs / "tiny").weights_path, Run(runs / "long").weights_path)
    assert Run(runs / "tiny").experiment.training.epochs == 4


@pytest.mark.slow
def test_a_budget_stops_it_and_the_rest_follows(runs: Path) -> None:
    stopped = train(tiny("training.max_minutes=1e-9"), runs)
    assert "budget" in stopped.stopped
    finished = train(tiny(), runs, Start.RESUME)
    assert finished.stopped is None
    train(tiny("task_name=alone"), runs)
    assert same_tensors(finished.run.weights_path, Run(runs / "alone").weights_path)


def test_a_finished_run_is_left_as_it_is(runs: Path) -> None:
    run = train(tiny(), runs).run
    before = run.weights_path.stat().st_mtime_ns
    assert train(tiny(), runs, Start.RESUME).stopped is None
    assert run.weights_path.stat().st_mtime_ns == before


def test_an_existing_run_is_not_overwritten_unasked(runs: Path) -> None:
    train(tiny(), runs)
    with pytest.raises(BadValueError, match=r"--resume goes on.*--overwrite replaces"):
        train(tiny(), runs)
    assert train(tiny("model.latent=3"), runs, Start.OVERWRITE).run.experiment.model.latent == 3


def test_a_run_that_failed_before_its_first_step_is_begun_anew(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> None:
        raise RuntimeError("a slip")

    with monkeypatch.context() as failing:
        failing.setattr(ELBOConfig, "__call__", fail)
        with pytest.raises(RuntimeError, match="a slip"):
            train(tiny("model.latent=3"), runs)
    assert read_progress(runs / "tiny" / "resume.safetensors").step == 0
    run = train(tiny(), runs).run
    assert Run(run.path).experiment.model.latent == 2
    with pytest.raises(BadValueError, match="there is a run"):
        train(tiny(), runs)


def test_a_config_that_no_training_wrote_is_not_replaced(runs: Path) -> None:
    (runs / "tiny").mkdir(parents=True)
    (runs / "tiny" / "config.yaml").write_text("task_name: tiny  # mine\n")
    with pytest.raises(BadValueError, match="there is a run"):
        train(tiny(), runs)
    assert [path.name for path in (runs / "tiny").iterdir()] == ["config.yaml"]


def test_a_folder_with_something_else_is_never_touched(runs: Path) -> None:
    (runs / "tiny").mkdir(parents=True)
    (runs / "tiny" / "thesis.txt").write_text("mine")
    for start in Start:
        with pytest.raises(BadValueError, match="not a run"):
            train(tiny(), runs, start)
    assert (runs / "tiny" / "thesis.txt").read_text() == "mine"


def test_other_settings_or_other_data_are_refused(runs: Path) -> None:
    train(tiny("training.max_minutes=1e-9"), runs)
    with pytest.raises(BadCombinationError, match=r"model.latent was 2 and is now 3"):
        train(tiny("model.latent=3"), runs, Start.RESUME)
    with pytest.raises(BadCombinationError, match=r"training.batch_size was 64 and is now 32"):
        train(tiny("training.batch_size=32"), runs, Start.RESUME)
    environment = runs / "tiny" / "environment.json"
    environment.write_text(
        environment.read_text().replace('"data_checksum": "', '"data_checksum": "0')
    )
    with pytest.raises(BadCombinationError, match="the data has changed"):
        train(tiny(), runs, Start.RESUME)


@pytest.mark.parametrize("damage", ["truncated", "nonsense"])
def test_a_damaged_checkpoint_is_an_error_that_names_it(runs: Path, damage: str) -> None:
    run = train(tiny("training.max_minutes=1e-9"), runs).run
    content = run.resume_path.read_bytes()
    run.resume_path.write_bytes(content[:100] if damage == "truncated" else b"nonsense")
    with pytest.raises(BadValueError, match=r"resume.safetensors is damaged"):
        train(tiny(), runs, Start.RESUME)


def test_damaged_weights_are_told_before_training(runs: Path) -> None:
    run = train(tiny(), runs).run
    assert run.about_weights()["kept_by"] == "valid_elbo"
    os.truncate(run.weights_path, 2_000)
    before = {path: path.read_bytes() for path in runs.rglob("*") if path.is_file()}
    with pytest.raises(
        BadValueError, match=r"weights\.safetensors is damaged.*nothing was trained"
    ):
        train(tiny("training.epochs=3"), runs, Start.RESUME)
    assert before == {path: path.read_bytes() for path in runs.rglob("*") if path.is_file()}
    os.unlink(run.weights_path)
    train(tiny("training.epochs=3"), runs, Start.RESUME)


def test_damaged_weights_that_the_next_ones_replace_do_not_matter(runs: Path) -> None:
    run = train(tiny("training.keep=last"), runs).run
    os.truncate(run.weights_path, 2_000)
    train(tiny("training.keep=last", "training.epochs=3"), runs, Start.RESUME)
    assert run.load_model()[1]["epoch"] == 3


def test_fewer_epochs_than_were_trained_change_nothing(runs: Path) -> None:
    run = train(tiny(), runs).run
    assert train(tiny("training.epochs=1"), runs, Start.RESUME).stopped is None
    assert Run(run.path).experiment.training.epochs == 2


def test_pictures_that_a_kill_prevented_are_drawn_on_resuming(runs: Path) -> None:
    pictures = "figures={every_epoch: [], at_end: [curves, rates]}"
    run = train(tiny(pictures), runs).run
    kept = run.figures / "curves.png"
    before = kept.stat().st_mtime_ns
    for path in run.figures.glob("rates.*"):
        path.unlink()
    train(tiny(pictures), runs, Start.RESUME)
    assert (run.figures / "rates.png").is_file()
    assert kept.stat().st_mtime_ns == before


@pytest.mark.slow
def test_killed_between_validation_and_saving_it_logs_the_epoch_once(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    often = "training.save_minutes=1e-9"

    def die(*given: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killing:
        killing.setattr(Run, "save_weights", die)
        with pytest.raises(KeyboardInterrupt):
            train(tiny(often), runs)
    assert Run(runs / "tiny").metrics()[-1]["split"] == "valid"
    run = train(tiny(often), runs, Start.RESUME).run
    assert run.metrics() == train(tiny(often, "task_name=alone"), runs).run.metrics()
