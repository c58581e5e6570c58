"""Training on shards is training on the images that they were made of."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.training.conftest import tiny
from tests.training.test_resume import LONG, command, same_tensors
from vaelab.config import to_yaml
from vaelab.data import DigitsData
from vaelab.data.shards.write import write_shards
from vaelab.runs.run import Run
from vaelab.training import Callback, Start, Training, train, train_together
from vaelab.training.state import read_progress


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The override that trains on the digits of `tiny` in 9 shards."""
    folder = tmp_path_factory.mktemp("digits") / "shards"
    write_shards(DigitsData(validation=100), folder, samples=150)
    return f"data={{kind: shards, path: {folder}, buffer: 400, streams: 3}}"


@pytest.mark.slow
def test_it_learns_what_the_images_themselves_teach(data: str, runs: Path) -> None:
    both = [
        train(tiny(*more, "training.epochs=4"), runs).run
        for more in ([data, "task_name=shards"], ["task_name=images"])
    ]
    first, second = ([r for r in run.metrics() if r["split"] == "valid"][-1] for run in both)
    assert first["step"] == second["step"]
    # epochs 3 and 4 differ by a nat; another order of the images by a fraction
    assert first["elbo_nats"] == pytest.approx(second["elbo_nats"], abs=0.5)


class Stopper(Callback):
    """Someone who stops a training before a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def before_step(self, training: Training) -> None:
        if training.progress.step == self.step:
            training.stop("enough")


@pytest.mark.slow
def test_stopped_in_the_middle_of_an_epoch_it_ends_as_one_left_alone(data: str, runs: Path) -> None:
    alone = train(tiny(data, "task_name=alone"), runs).run
    for step in (5, 27):
        train_together([tiny(data)], runs, Start.RESUME, callbacks=[Stopper(step)])
        assert read_progress(runs / "tiny" / "resume.safetensors").batch in (5, 6)
    run = train(tiny(data), runs, Start.RESUME).run
    assert same_tensors(run.weights_path, alone.weights_path)
    assert run.metrics() == alone.metrics()


@pytest.mark.slow
def test_killed_it_ends_with_the_same_weights(data: str, runs: Path, tmp_path: Path) -> None:
    experiment = tiny(*LONG[:-3], data, *LONG[-3:], "training.epochs=1")
    (tmp_path / "long.yaml").write_text(to_yaml(experiment))
    alone = tmp_path / "alone"
    subprocess.run(command(tmp_path / "long.yaml", alone), check=True, capture_output=True)
    resume, step = runs / "tiny" / "resume.safetensors", 0
    for _ in range(2):  # of 168 steps
        process = subprocess.Popen(
            command(tmp_path / "long.yaml", runs),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while not (resume.is_file() and read_progress(resume).step > step + 40):
            assert process.poll() is None, "the run ended before it could be killed"
            time.sleep(0.03)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert read_progress(resume).batch > 0
        step = read_progress(resume).step
    subprocess.run(command(tmp_path / "long.yaml", runs), check=True, capture_output=True)
    killed, other = Run(runs / "tiny"), Run(alone / "tiny")
    assert same_tensors(killed.weights_path, other.weights_path)
    assert same_tensors(killed.resume_path, other.resume_path)
    assert killed.metrics() == other.metrics()
