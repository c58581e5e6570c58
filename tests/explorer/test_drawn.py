"""Digits drawn on the page's pad come out of the encoder among the codes of their own class."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from vaelab.runs.lookup import load_experiment
from vaelab.training import train

WEB = Path(__file__).parents[2] / "web"
CALM = "figures={every_epoch: [], at_end: []}"
pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("config", "assignments", "least"),
    [
        ("digits", (), 8),
        pytest.param("mnist", ("training.epochs=5",), 7, marks=pytest.mark.mnist),
    ],
)
def test_drawn_digits_lie_among_their_own_class(
    config: str, assignments: tuple[str, ...], least: int, tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    npx = shutil.which("npx")
    if npx is None or not (WEB / "node_modules").is_dir():
        pytest.skip("Node and web/node_modules are needed: `make page` installs them")
    if config == "mnist":
        assignments = (*assignments, f"data.path={request.getfixturevalue('mnist_folder')}")
    experiment, _ = load_experiment(config, [*assignments, "explorer.keep=2", CALM])
    bundle = train(experiment, tmp_path).run.bundle
    done = subprocess.run(
        [npx, "vitest", "run", "src/probe/drawn.test.ts"], cwd=WEB, capture_output=True, text=True,
        env={**os.environ, "VAELAB_DRAWN": str(bundle), "VAELAB_DRAWN_LEAST": str(least)},
    )  # fmt: skip
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "of 10 drawn digits among their own" in done.stdout
