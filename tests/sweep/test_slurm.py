"""Sweeps on a queue: submitit's local executor, and what Slurm itself is asked for."""

import os
import signal
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.sweep.conftest import QUIET, Begin, trials_of, wait_for, workers_of
from vaelab.console import Console
from vaelab.errors import BadValueError
from vaelab.run import Run
from vaelab.sweep import go_on
from vaelab.sweep.engines.slurm import Slurm
from vaelab.sweep.plan import Sweep
from vaelab.sweep.progress import reached
from vaelab.sweep.study import Study
from vaelab.sweep.trial import State

HERE = Slurm(workers=1, cluster="local")


def training(folder: Path) -> bool:
    runs = [folder / trial.run for trial in trials_of(folder)]
    return all(Run.exists(run) and reached(Run(run)).epoch >= 2 for run in runs)


@pytest.mark.slow
def test_jobs_end_a_sweep_also_when_one_is_killed(sweep: Begin) -> None:
    folder = sweep("objective.beta=1,2", "training.epochs=8", "training.batch_size=16")

    def kill() -> None:
        wait_for(lambda: training(folder))
        os.kill(workers_of(folder)[0], signal.SIGKILL)

    killer = Thread(target=kill)
    killer.start()
    console = Console(file=StringIO(), width=200)
    go_on(folder, HERE, console)
    killer.join()
    every = Study(folder, Sweep.load(folder).space).every()
    assert [trial.state for trial in every] == [State.KILLED] * 2 + [State.COMPLETE] * 2
    said = console.file.getvalue()
    assert f"their logs: {folder / 'jobs'}" in said
    assert "ended too early; another goes on with its trials" in said
    assert "best: beta" in said
    assert (folder / "rate_distortion.png").is_file()
    assert workers_of(folder) == []


@pytest.mark.slow
def test_the_warning_before_its_time_is_up_lets_a_job_save(sweep: Begin) -> None:
    folder = sweep("objective.beta=1,2", "training.epochs=10", "training.batch_size=16")

    def warn() -> None:
        wait_for(lambda: training(folder))
        os.kill(workers_of(folder)[0], signal.SIGUSR2)

    warner = Thread(target=warn)
    warner.start()
    console = Console(file=StringIO(), width=200)
    go_on(folder, HERE, console)
    warner.join()
    assert "ended too early" in console.file.getvalue()
    every = Study(folder, Sweep.load(folder).space).every()
    assert [(trial.state, trial.attempt) for trial in every] == [(State.COMPLETE, 1)] * 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_the_jobs_go_on_when_a_person_stops_looking(sweep: Begin) -> None:
    folder = sweep("objective.beta=1,2", "training.epochs=8", "training.batch_size=16")

    def stop() -> None:
        wait_for(lambda: training(folder))
        os.kill(os.getpid(), signal.SIGINT)

    stopper = Thread(target=stop)
    stopper.start()
    console = Console(file=StringIO(), width=200)
    go_on(folder, HERE, console)
    stopper.join()
    said = console.file.getvalue()
    assert "the jobs go on; to stop them: kill " in said
    assert {trial.state for trial in trials_of(folder)} == {State.RUNNING}
    done = {State.COMPLETE}
    wait_for(lambda: {trial.state for trial in trials_of(folder)} == done)
    wait_for(lambda: workers_of(folder) == [])
    os.waitpid(int(said.split("kill ")[1].split()[0]), 0)


def fake(folder: Path, monkeypatch: pytest.MonkeyPatch, **programs: str) -> None:
    """Slurm's programs."""
    folder.mkdir()
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_slurm_is_asked_for_what_a_person_asks_for(
    sweep: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sweep("objective.beta=1,2")
    failed = "printf 'JobID|State|NodeList\\n7|FAILED|\\n'"
    fake(tmp_path / "bin", monkeypatch, sbatch="echo Submitted batch job 7", srun="", sacct=failed)
    queue = Slurm(1, cpus=3, gpus=2, sbatch={"partition": "big", "time": "1:30:00"})
    with queue, pytest.raises(BadValueError, match=r"one worker after the other dies.*7_0_log.err"):
        go_on(folder, queue, QUIET)
    (file,) = (folder / "jobs").glob("7_submission.sh")
    asked = file.read_text().splitlines()
    for flag in ("cpus-per-task=3", "gpus-per-node=2", "partition=big", "time=1:30:00"):
        assert f"#SBATCH --{flag}" in asked
    assert "#SBATCH --job-name=tiny_sweep" in asked


def test_a_job_that_slurm_does_not_take_is_told(
    sweep: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sweep("objective.beta=1,2")
    refuse = "echo 'sbatch: error: invalid partition specified: big' >&2; exit 1"
    fake(tmp_path / "bin", monkeypatch, sbatch=refuse, srun="")
    with pytest.raises(BadValueError, match="invalid partition specified: big"):
        go_on(folder, Slurm(1, sbatch={"partition": "big"}), QUIET)


@pytest.mark.slow
def test_a_job_that_cannot_work_says_why(sweep: Begin) -> None:
    folder = sweep("objective.beta=1,2")
    study = Study(folder, Sweep.load(folder).space)
    (folder / "workers").write_text("in the way of the folder")
    with pytest.raises(BadValueError, match=r"workers.*\(its log: .*_0_log.err\)"):
        go_on(folder, HERE, QUIET)
    assert {trial.state for trial in study.trials()} == {State.WAITING}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--engine", "slurm"), "needs Slurm's sbatch and srun"),
        (("--engine", "slurm", "--gpus", "0.5"), "has whole GPUs"),
        (("--engine", "slurm", "--sbatch", "gpu"), "write it as KEY=VALUE"),
        (("--engine", "slurm", "--address", "auto"), "--address is for --engine ray"),
        (("--cpus", "2"), "--cpus is for --engine ray or --engine slurm"),
        (("--gpus", "1"), "--gpus is for --engine ray or --engine slurm"),
        (("--sbatch", "time=5"), "--sbatch is for --engine slurm"),
    ],
)
def test_bad_options_make_no_folder(
    vaelab: Any, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    answer = vaelab("sweep", "run", "digits", "objective.beta=1,2", "--runs", tmp_path, *words)
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert said in answer.err
    assert not list(tmp_path.iterdir())
