"""The shipped configs on the real MNIST, one epoch, as a user starts them."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from vaelab.evaluation.evaluate import Evaluation, evaluate
from vaelab.runs.run import Run

pytestmark = [pytest.mark.mnist, pytest.mark.slow]


class Finished(NamedTuple):
    """A run after its command has ended, its numbers, and its largest memory."""

    run: Run
    evaluation: Evaluation
    gigabytes: float

    def number(self, name: str) -> float:
        return self.evaluation.numbers[name].value


def peak_gigabytes(pid: int) -> float:
    """Largest resident memory of a process so far, as Linux knows it; elsewhere 0.

    The resource usage of a child is no measure: it begins with the memory of its parent.
    """
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    return sum(int(line.split()[1]) * 1024 / 1e9 for line in lines if line.startswith("VmHWM"))


def one_epoch(name: str, runs: Path) -> Finished:
    words = ["training.epochs=1", "figures.at_end=[latent, manifold]", "--runs", str(runs)]
    # one thread: two that wait for each other on a machine with other work are ten times slower
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "vaelab", "train", name, *words],
            stdout=subprocess.DEVNULL, stderr=said, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, peak_gigabytes(process.pid))
            time.sleep(0.05)
        said.seek(0)
        assert process.returncode == 0, said.read().decode()
    run = Run(runs / name)
    evaluation = evaluate(run, samples=1)
    assert (evaluation.split, evaluation.images) == ("test", 10_000)
    return Finished(run, evaluation, peak)


def check_what_every_run_has(finished: Finished) -> None:
    run = finished.run
    rows = [row for row in run.metrics() if row["split"] == "train"]
    batch = run.experiment.training.batch_size
    images = len(run.experiment.data.load().train)
    assert 50_000 <= images < 60_000
    assert rows[-1]["step"] == -(-images // batch)
    for name in ("latent_epoch_0", "latent_epoch_1", "latent", "manifold"):
        with Image.open(run.figures / f"{name}.png") as picture:
            assert min(picture.size) > 300, name
    with np.load(run.figures / "manifold.npz") as panel:
        pictures = panel["pictures"].astype(float)
    assert pictures.shape[:3] == (1, 30, 30)
    # even after one epoch the corners of the plane are not the same digit
    corners = pictures[0, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert np.abs(corners[0] - corners[3]).mean() > 10
    assert finished.gigabytes < 1.2
    assert finished.gigabytes > 0.3 or sys.platform != "linux"


@pytest.mark.usefixtures("mnist_folder")
def test_one_epoch_of_vae_kl(tmp_path: Path) -> None:
    """The seed's own loop has 0.2741 as the mean over its first epoch."""
    finished = one_epoch("vae_kl", tmp_path)
    check_what_every_run_has(finished)
    assert 0.15 < finished.number("mse_per_pixel") < 0.26
    scale = finished.run.experiment.model.likelihood.scale
    mse = finished.number("mse_per_pixel")
    # a Gaussian's distortion is its squared error, said in nats; each has its own sample
    nats = 784 * (mse / (2 * scale**2) + np.log(scale * np.sqrt(2 * np.pi)))
    assert finished.number("distortion_nats") == pytest.approx(nats, rel=0.01)
    assert 10 < finished.number("rate_nats") < 100
    assert finished.number("active_units") == 2
    assert finished.number("knn5_accuracy") > 0.4


@pytest.mark.usefixtures("mnist_folder")
def test_one_epoch_of_mnist(tmp_path: Path) -> None:
    finished = one_epoch("mnist", tmp_path)
    check_what_every_run_has(finished)
    assert 0.02 < finished.number("mse_per_pixel") < 0.06
    assert 1 < finished.number("rate_nats") < 20
    assert finished.number("knn5_accuracy") > 0.4
    # with the pictures of 24 epochs more, and room for those at the end that were left out here
    sizes = {path: path.stat().st_size for path in finished.run.path.rglob("*") if path.is_file()}
    epoch = sum(size for path, size in sizes.items() if path.stem == "latent_epoch_1")
    assert finished.run.experiment.explorer.keep is None
    checkpoint = sizes.pop(finished.run.resume_path)
    assert checkpoint < 11e6  # 9.3 MB after 25 epochs, when most moments are small
    assert sum(sizes.values()) + 24 * epoch + 9.5e6 < 25e6
