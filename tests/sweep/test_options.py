"""What a sweep meets: wrong options, missing packages, earlier versions, signals."""

import re
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

import vaelab as package
from tests.sweep.conftest import Start, trials_of, work
from tests.training.conftest import TINY
from vaelab.sweep.study import State, Trial
from vaelab.sweep.worker import Worker, main
from vaelab.training.interrupt import Interrupt


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cpus", "2"), "--cpus is for --engine ray"),
        (("--gpus", "1"), "--gpus is for --engine ray"),
        (("--address", "auto"), "--address is for --engine ray"),
        (("--engine", "ray", "--workers", "0"), "--workers 0 trains nothing"),
    ],
)
def test_bad_options_make_no_folder(
    vaelab: Any, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    answer = vaelab("sweep", "run", "digits", "objective.beta=1,2", "--runs", tmp_path, *words)
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert said in answer.err
    assert not list(tmp_path.iterdir())


def forget(monkeypatch: pytest.MonkeyPatch, name: str, modules: str) -> None:
    """As if a package were not installed, for modules not yet imported."""
    for module in [one for one in sys.modules if one.split(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, name, None)
    for module in [one for one in sys.modules if one.startswith(modules)]:
        monkeypatch.delitem(sys.modules, module)


@pytest.mark.parametrize(
    ("missing", "modules", "extra", "words"),
    [
        ("optuna", "vaelab.sweep", "sweep", ("run", "digits", "objective.beta=1,2")),
        ("optuna", "vaelab.sweep", "sweep", ("status", "there")),
        ("optuna", "vaelab.sweep", "sweep", ("best", "there")),
        ("optuna", "vaelab.sweep", "sweep", ("resume", "there")),
        ("ray", "vaelab.sweep.ray_engine", "ray",
         ("run", "digits", "objective.beta=1,2", "--engine", "ray")),
    ],
)  # fmt: skip
def test_a_package_that_is_missing_is_named_with_what_installs_it(
    vaelab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str, modules: str,
    extra: str, words: tuple[str, ...],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "sweep.yaml").touch()
    forget(monkeypatch, missing, modules)
    answer = vaelab("sweep", *words)
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert f"pip install 'vaelab[{extra}]'" in answer.err
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_a_sweep_is_found_by_its_name_or_its_configs(
    vaelab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [word for word in TINY if not word.startswith("task_name")]
    sweep = ("sweep", "run", "digits", *words, "training.epochs=1", "objective.beta=1,2")
    assert vaelab(*sweep).code == 0
    said = {vaelab("sweep", "best", name).out
            for name in ("digits", "digits_sweep", "runs/digits_sweep")}  # fmt: skip
    assert len(said) == 1
    assert said.pop().startswith("best: beta ")
    answer = vaelab("sweep", "best", "digts_sweep")
    assert answer.code == 2
    assert "digts_sweep, runs/digts_sweep, runs/digts_sweep_sweep" in answer.err
    assert "did you mean `digits_sweep`?" in answer.err


def test_only_sweeps_pay_for_optuna() -> None:
    root = Path(package.__file__).parent
    at_any_time = re.compile(r"^\s*(?:import|from) (?:optuna|ray)\b", re.MULTILINE)
    when_imported = re.compile(r"^(?:import|from) vaelab\.sweep\b", re.MULTILINE)
    for path in root.rglob("*.py"):
        if root / "sweep" not in path.parents:
            for imports in (at_any_time, when_imported):
                assert not imports.search(path.read_text()), path


def test_a_sweep_of_the_first_version_is_read_and_gone_on_with(vaelab: Any, tmp_path: Path) -> None:
    """Its worker, of which a trial was retried already, was killed; two trials are complete."""
    folder = tmp_path / "earlier_sweep"
    shutil.copytree(Path(__file__).parent / folder.name, folder)
    (folder / "journal.txt").rename(folder / "journal.log")
    status = vaelab("sweep", "status", folder)
    assert (status.code, status.err) == (0, "")
    assert "3 of 6 trials have ended" in " ".join(status.out.split())  # wherever the title breaks
    assert "002_beta2_seed0 diverged: the loss is not a finite number" in status.out
    assert "0 at work, 0 trials under training; 1 left by killed workers" in status.out
    assert "best: beta 1: valid elbo -13.00 ± 0.50 nats" in vaelab("sweep", "best", folder).out
    states = {trial.run[:3]: (trial.state.value, trial.attempt) for trial in work(folder)}
    assert states == {
        "000": ("complete", 1), "001": ("complete", 1), "002": ("diverged", 1),
        "003": ("complete", 2), "004": ("complete", 2), "005": ("complete", 1),
    }  # fmt: skip


def test_a_worker_that_is_told_to_end_saves_and_one_that_cannot_work_says_why(
    sweep: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def train(self: Worker, trials: list[Trial], interrupt: Interrupt) -> bool:
        signal.raise_signal(signal.SIGTERM)
        self.study.give_back(trials)
        return not interrupt.requested

    monkeypatch.setattr(Worker, "train", train)
    folder = sweep("objective.beta=1,2")
    monkeypatch.setattr("sys.argv", ["worker", str(folder), "--workers", "2"])
    assert main() == 0
    assert [trial.state for trial in trials_of(folder)] == [State.WAITING] * 2
    monkeypatch.setattr("sys.argv", ["worker", str(tmp_path)])
    assert main() == 2
    assert capsys.readouterr().err.startswith("vaelab: there is no sweep in")
