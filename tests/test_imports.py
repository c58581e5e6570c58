"""What commands import: nobody waits for a package that a command does not use."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vaelab.evaluation.evaluate import evaluate
from vaelab.metrics import BoundMetric
from vaelab.runs.run import Run

SLOW = (
    "sklearn", "scipy", "pandas", "sympy", "networkx", "torch._dynamo", "torch._inductor",
    "optuna", "starlette", "uvicorn", "requests", "matplotlib", "torch",
)  # fmt: skip
"""Packages whose import takes a quarter of a second and more."""
PROGRAM = """
import json, sys
from vaelab.cli import main
sys.argv = ["vaelab", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    code = end.code or 0
else:
    code = 0
print(code, file=sys.stderr)
print(json.dumps([name for name in sys.modules]), file=sys.stderr)
"""


def imported(*words: str, code: int = 0) -> set[str]:
    """The slow ones among the modules that a command has imported when it ends with that code."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stderr.splitlines()[-2]) == code, done.stderr
    return set(SLOW) & set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("command", ["--help", "doctor --help", "runs .", "runs . --size"])
def test_answers_from_files_import_nothing_slow(command: str) -> None:
    assert imported(*command.split()) == set()


@pytest.mark.parametrize("command", ["kinds", "schema", "config show mnist"])
def test_what_knows_every_kind_imports_nothing_else(command: str) -> None:
    assert imported(*command.split()) == {"torch"}


@pytest.mark.parametrize(
    "command",
    ["trian", "train minst", "config show minst", "sweep run minst model.latent=2",
     "evaluate minst", "doctor minst", "compare minst digts", "figures minst", "sweep best minst",
     "clean minst", "encode minst x.png", "export site minst x"],
)  # fmt: skip
def test_a_mistyped_name_is_refused_before_anything_slow_is_imported(command: str) -> None:
    assert imported(*command.split(), code=2) == set()


def test_a_training_imports_what_it_uses(tmp_path: Path) -> None:
    words = ["train", "digits", "training.epochs=1", "figures={every_epoch: [], at_end: []}"]
    assert imported(*words, "--runs", str(tmp_path)) == {"torch"}


def test_a_comparison_reads_files_and_draws(trained: Run, tmp_path: Path) -> None:
    for name in "ab":
        shutil.copytree(trained.path, tmp_path / name)
        evaluate(Run(tmp_path / name), metrics=[BoundMetric()])
    words = ["compare", "a", "b", "--runs", str(tmp_path), "--picture", str(tmp_path / "plane.png")]
    assert imported(*words) == {"matplotlib", "scipy"}
