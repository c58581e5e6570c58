"""How commands end: streams that cannot be written or lack letters, signals, odd terminals."""

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

import pytest

from tests.conftest import Answer
from tests.training.conftest import TINY
from vaelab.cli import main
from vaelab.console import Console, visible
from vaelab.runs.run import Run
from vaelab.sweep.engine import Task
from vaelab.training import Training
from vaelab.training.callbacks import KeptSteps
from vaelab.training.state import read_progress

Command = Callable[..., Answer]
WORDS = [word for word in TINY if not word.startswith("task_name")]
STEPS = 4


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def run(trained: Run) -> Run:
    """A finished run in ./runs/tiny."""
    import shutil

    shutil.copytree(trained.path, "runs/tiny")
    return Run(Path("runs/tiny"))


def ended(monkeypatch: pytest.MonkeyPatch, stdout: TextIO | None, *words: str) -> int:
    """The exit code of a command whose standard output is this."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", ["vaelab", *words])
        patch.setattr(sys, "stdout", stdout)
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
    return 0


# --- standard output


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "ascii"])
def test_letters_that_a_terminal_lacks(
    encoding: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    stdout = io.TextIOWrapper(written, encoding=encoding)
    assert ended(monkeypatch, stdout, "evaluate", "runs/tiny", "--samples", "2") == 0
    said = written.getvalue().decode(encoding)
    assert "elbo_nats" in said
    assert r"\u" in said  # a Greek letter
    assert run.evaluation_path.is_file()


@contextmanager
def output(kind: str) -> Iterator[TextIO | None]:
    """A standard output that cannot be written."""
    if kind == "closed":
        yield None
        return
    read, write = os.pipe()
    os.close(read)
    stream = open("/dev/full" if kind == "full" else write, "w", closefd=kind == "full")
    yield stream
    with suppress(OSError):  # what it could not write stays unwritten
        stream.close()
    os.close(write)


@pytest.mark.skipif(sys.platform != "linux", reason="it has no /dev/full")
@pytest.mark.parametrize("kind", ["full", "closed", "a pipe that nobody reads"])
def test_nothing_is_lost_with_standard_output(
    kind: str, run: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with output(kind) as stdout:
        assert ended(monkeypatch, stdout, "train", "digits", *WORDS, "task_name=other") == 1
    assert read_progress(Run(Path("runs/other")).resume_path).epoch == 2
    with output(kind) as stdout:
        assert ended(monkeypatch, stdout, "evaluate", "runs/tiny", "--samples", "2") == 1
    assert run.evaluation_path.is_file()
    said = capfd.readouterr().err
    assert said.count("\n") == said.count("standard output could not be written") <= 2
    assert ("No space left on device" in said) == (kind == "full")


@pytest.mark.parametrize("columns", ["99999999", "0", "-1", "x", "9" * 40])
def test_terminals_that_are_none(
    columns: str, run: Run, vaelab: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for words in (["runs"], ["--help"]):
        answer = vaelab(*words)
        assert answer.code == 0
        assert len(answer.out) < 30_000


def test_what_a_console_shows_holds_nothing_that_a_terminal_obeys() -> None:
    file = io.StringIO()
    console = Console(file=file, width=80)
    console.say("a\x1b[31m\x07\x9b\udcff\ud800\u2028:smile:")
    assert file.getvalue() == r"a\x1b[31m\x07\x9b\xff\ud800\u2028:smile:" + "\n"
    assert visible("漢 é\n") == "漢 é\n"


# --- names


def test_names_that_are_not_utf_8(run: Run, vaelab: Command) -> None:
    if sys.platform != "linux":
        pytest.skip("names are Unicode")
    odd = os.fsdecode(b"runs/a\xff")
    run.path.rename(odd)
    for words in (["runs"], ["evaluate", odd, "--samples", "2"], ["doctor", odd], ["runs"],
                  ["figures", odd, "latent"], ["sample", odd, "--out", f"{odd}.png"]):  # fmt: skip
        answer = vaelab(*words)
        assert (answer.code, answer.err) == (0, "")
    assert r"a\xff" in answer.out


# --- signals


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM])
def stopped(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """A signal comes after some steps of any training; the exit code that is wanted."""
    kind: signal.Signals = request.param
    look = KeptSteps.on_step

    def look_and_signal(self: KeptSteps, training: Training) -> None:
        look(self, training)
        if training.progress.step == STEPS:
            signal.raise_signal(kind)

    monkeypatch.setattr(KeptSteps, "on_step", look_and_signal)
    return 128 + kind


def test_a_training_that_was_stopped_says_so_by_its_exit_code(
    stopped: int, vaelab: Command
) -> None:
    answer = vaelab("train", "digits", *WORDS)
    assert answer.code == stopped
    assert "to go on: vaelab train runs/digits --resume" in answer.out
    assert read_progress(Path("runs/digits/resume.safetensors")).step == STEPS
    assert vaelab("train", "runs/digits", "--resume").code == 0


def test_a_budget_that_is_spent_is_no_failure(vaelab: Command) -> None:
    assert vaelab("train", "digits", *WORDS, "training.max_minutes=1e-9").code == 0
    change = "training.changes=[{step: 3, stop: true}]"
    answer = vaelab("train", "digits", *WORDS, change, "task_name=other")
    assert answer.code == 0
    assert "stopped after step 3" in answer.out


def test_a_demo_that_was_stopped_measures_nothing(stopped: int, vaelab: Command) -> None:
    assert vaelab("demo").code == stopped
    assert not Path("runs/demo/evaluation.json").exists()


@pytest.mark.parametrize("words", [["trap", "mean_against_sum"], ["reproduce", "mean_field"]])
def test_runs_of_a_lesson_that_were_stopped(
    words: list[str], stopped: int, vaelab: Command, mnist_folder: Path
) -> None:
    answer = vaelab(*words)
    assert answer.code == stopped
    assert answer.err.count("\n") == 1
    assert "was stopped; the same command goes on" in answer.err


def test_a_fit_that_was_ended_writes_the_best_prior_and_says_so(
    run: Run, vaelab: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vaelab.training.fit_prior.learning import Log

    note = Log.__call__

    def note_and_signal(log: Log, *details: object) -> None:
        note(log, *details)  # type: ignore[arg-type]
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Log, "__call__", note_and_signal)
    answer = vaelab("fit-prior", "runs/tiny", "prior_fit.epochs=50")
    assert answer.code in {130, 2}  # 2: no prior was better by then
    if answer.code == 130:
        assert Run(Path("runs/tiny_mixture")).weights_path.is_file()


def signalled(task: Task) -> None:
    """Train nothing until it is stopped."""
    signal.raise_signal(signal.SIGTERM)
    assert task.interrupt.requested


def test_a_sweep_that_was_stopped(vaelab: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import nullcontext

    monkeypatch.setattr("vaelab.sweep.engine.choose", lambda *_: nullcontext(signalled))
    answer = vaelab("sweep", "run", "digits", *WORDS, "objective.beta=1,2")
    assert answer.code == 143
    assert "to go on: vaelab sweep resume runs/digits_sweep" in answer.out
    assert vaelab("sweep", "resume", "runs/digits_sweep").code == 143


def test_control_c_anywhere_else_is_no_fault(
    vaelab: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vaelab.runs.listing.find_runs", interrupted)
    answer = vaelab("runs")
    assert answer.code == 130
    assert "Traceback" not in answer.err


# --- what a machine lacks


@pytest.mark.parametrize(
    ("error", "words"),
    [(MemoryError(), "not enough memory"), (OSError(24, "Too many open files"), "Too many open"),
     (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to "
                   "allocate 9 bytes. Error code 12"), "you tried to allocate 9 bytes")],
)  # fmt: skip
def test_what_a_machine_lacks_is_said_in_a_line(
    error: Exception, words: str, vaelab: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("vaelab.runs.listing.find_runs", fail)
    answer = vaelab("runs")
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert words in answer.err
