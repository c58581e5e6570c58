"""One of each kind, defined outside the package, through everything that is done with a run."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
OWN = (
    "data=bars", "model.prior=student_t", "model.likelihood=robust", "model.encoder=pyramid",
    "model.decoder=pyramid", "objective={kind: renyi, samples: 2}", "training.loggers=[csv]",
    "figures={every_epoch: [norms], interval: 1, at_end: [norms, samples]}",
    "evaluation.metrics=[bound, iwae, posterior_entropy]", "task_name=own",
)  # fmt: skip
LINEAR = (
    "model=linear", "objective.beta={kind: exponential}",
    "figures={every_epoch: [], at_end: [rates]}",
    "evaluation.metrics=[bound, posterior_entropy]", "task_name=linear",
)  # fmt: skip


def vaelab(folder: Path, *words: str, plugins: Any = (), code: int = 0) -> str:
    """What a command says, in a process of its own."""
    named = [word for plugin in plugins for word in ("--plugin", str(plugin))]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "vaelab", *words, *named], cwd=folder, capture_output=True,
        text=True, encoding="utf-8", env=os.environ | {"COLUMNS": "200"},
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert "Traceback" not in said
    return said


@pytest.mark.slow
@pytest.mark.parametrize("words", [OWN, LINEAR], ids=["own", "linear"])
def test_kinds_of_ones_own_go_through_everything(words: tuple[str, ...], tmp_path: Path) -> None:
    (name,) = (word.removeprefix("task_name=") for word in words if word.startswith("task_name"))
    run = f"runs/{name}"
    said = vaelab(tmp_path, "train", "digits", *words, "training.epochs=1", plugins=EXAMPLES)
    (suggested,) = re.findall(rf"next: vaelab (evaluate {run} --plugin .*)", said)
    vaelab(tmp_path, *shlex.split(suggested))
    folder = tmp_path / run
    before = (folder / "metrics.jsonl").read_text()
    vaelab(tmp_path, "train", run, "--resume", "training.epochs=2", plugins=EXAMPLES)
    assert (folder / "metrics.jsonl").read_text().startswith(before)
    said = vaelab(tmp_path, "evaluate", run, plugins=EXAMPLES)
    assert "posterior_entropy_nats" in said
    numbers = json.loads((folder / "evaluation.json").read_text())["numbers"]
    assert numbers["posterior_entropy_nats"]["unit"] == "nats"
    said = vaelab(tmp_path, "figures", run, "norms", plugins=EXAMPLES)
    assert "norms.png" in said
    assert (folder / "output" / "norms.png").stat().st_size > 5_000
    needed = json.loads((folder / "environment.json").read_text())["plugins"]
    used = {"own": 8, "linear": 3}[name]
    assert len(needed) == used
    for given in (["evaluate", run], ["train", run, "--resume"]):
        said = vaelab(tmp_path, *given, code=2)
        assert len(said.splitlines()) == 1
        assert all(f"--plugin {path}" in said for path in needed)
    if name == "own":
        assert "own,46,valid/elbo_nats," in (tmp_path / "numbers.csv").read_text()
        assert {path.name for path in (folder / "output").glob("norms_epoch_*.png")} == {
            f"norms_epoch_{epoch}.png" for epoch in (0, 1, 2)
        }


@pytest.mark.parametrize(
    ("axis", "kind"),
    [("data", "bars"), ("model", "linear"), ("encoder", "pyramid"), ("prior", "student_t"),
     ("decoder", "pyramid"), ("likelihood", "robust"), ("objective", "renyi"),
     ("schedule", "exponential"), ("figure", "norms"), ("metric", "posterior_entropy"),
     ("logger", "csv")],
)  # fmt: skip
def test_the_examples_are_a_kind_of_every_axis(
    axis: str, kind: str, kinds_of_examples: str
) -> None:
    assert f"{axis} {kind}" in kinds_of_examples.splitlines()


@pytest.fixture(scope="module")
def kinds_of_examples() -> str:
    program = (
        "import sys\nfrom vaelab.plugins import load_plugin\n"
        "for path in sys.argv[1:]: load_plugin(path)\n"
        "from vaelab.kinds import AXES, entry, kinds\n"
        "for one in kinds(): print(one.axis.name, one.name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, *map(str, EXAMPLES)], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return done.stdout


def test_an_installed_package_is_a_plugin(tmp_path: Path) -> None:
    (tmp_path / "my_priors.py").write_text((ROOT / "examples" / "prior.py").read_text())
    about = tmp_path / "my_priors-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my_priors\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[vaelab.plugins]\nmine = my_priors\n")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from vaelab.runs.lookup import load_experiment\n"
        "experiment, _ = load_experiment('digits', ['model.prior=student_t'])\n"
        "from vaelab.plugins import used_by\n"
        "print(experiment.model.prior.freedom, used_by(experiment))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "5.0 {'my_priors': ''}"


PRIOR = (ROOT / "examples" / "prior.py").read_text()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no plugin file"),
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named 'nothing_of_that_na"),
        ("x = 1\n1 / 0", "ZeroDivisionError: division by zero ({path}, line 2)"),
        ("def f(:", "cannot be imported: SyntaxError: "),
        (PRIOR.replace('"student_t"', '"mixture"'), "the axis prior has a kind `mixture` already"),
        (re.sub('    """Student.*?"""', "", PRIOR, flags=re.DOTALL),
         "the kind `student_t` of the axis prior has no docstring"),
        (PRIOR.replace("    freedom: float", "    free = 1.0\n    freedom: float"),
         "`free = 1.0` in a config needs its type: write `free: float = 1.0` ({path}, line"),
    ],
    ids=["absent", "needs another", "raises", "syntax", "kind exists", "no docstring", "no type"],
)  # fmt: skip
def test_a_plugin_that_is_no_good_is_a_line(content: str | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    if content is not None:
        path.write_text(content)
    words = vaelab(tmp_path, "config", "show", "digits", plugins=[path], code=2)
    assert said.format(path=path) in words
    assert len(words.splitlines()) == 1


@pytest.mark.parametrize(
    ("right", "wrong", "last"),
    [
        ("self.log_scale.exp()", "self.log_skale.exp()",
         "the error is in a plugin, not in vaelab: {path}, line 26"),
        ("StudentT(self.freedom, 0.0,", "StudentT(self.freedom, torch.zeros(3),",
         "the error is in a plugin, not in vaelab: {path}, line 26"),
        ("zeros(latent)", "zeros(latent + 1)", "the reason may be in a plugin ({path}); if "),
    ],
    ids=["attribute", "inside PyTorch", "shape"],
)  # fmt: skip
def test_an_error_in_a_plugin_is_not_vaelabs(
    right: str, wrong: str, last: str, tmp_path: Path
) -> None:
    assert PRIOR.count(right) == 1
    (tmp_path / "mine.py").write_text(PRIOR.replace(right, wrong))
    done = subprocess.run(
        [sys.executable, "-P", "-m", "vaelab", "train", "digits", "model.prior=student_t",
         "--plugin", "mine.py"], cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    said = last.format(path=tmp_path / "mine.py")
    assert done.stderr.splitlines()[-1].startswith(f"vaelab: {said}")


def test_a_kind_of_a_plugin_that_is_not_given_is_told(tmp_path: Path) -> None:
    words = vaelab(tmp_path, "train", "digits", "model.prior=student_t", code=2)
    assert "`model.prior.kind` is `student_t`, which does not exist" in words
    assert "--plugin" in words
    assert not list(tmp_path.iterdir())


def test_the_page_shows_the_file_that_is_tested() -> None:
    page = (ROOT / "docs" / "extending.md").read_text()
    callback = (ROOT / "examples" / "callback.py").read_text()
    for text in (PRIOR, callback):
        assert text.partition('"""\n\n')[2] in page
    for path in EXAMPLES:
        assert f"(../examples/{path.name})" in page


NOTEBOOK = """
import vaelab

{prior}

CELL = {prior!r}
exec(CELL)  # the cell is run again

{figure}

run = vaelab.train(
    "digits", "model.prior=student_t", "training.epochs=1", "explorer.keep=0", "training.threads=1",
    "figures={{every_epoch: [norms], at_end: [norms]}}", quiet=True,
)
print(sorted(path.name for path in run.figures.glob("*.png")), run.environment()["plugins"])
"""


def test_a_notebook_defines_kinds_in_its_cells(tmp_path: Path) -> None:
    figure = (ROOT / "examples" / "figure.py").read_text()
    (tmp_path / "cells.py").write_text(NOTEBOOK.format(prior=PRIOR, figure=figure))
    done = subprocess.run(
        [sys.executable, "cells.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    drawn = ["norms.png", "norms_epoch_0.png", "norms_epoch_1.png"]
    assert done.stdout.splitlines()[-1] == f"{drawn} {{'__main__': ''}}"
