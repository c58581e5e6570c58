"""Trials are made once, claimed by one, and retried when their worker is killed."""

import errno
import re
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path

import optuna
import pytest
from filelock import FileLock

from tests.sweep.conftest import QUIET, TERMS, TINY, Start, study_of, trials_of, work
from vaelab.console import Console
from vaelab.errors import BadValueError, MissingFileError, StorageError, UserError
from vaelab.sweep import show_best, show_status, start_sweep
from vaelab.sweep.liveness import alive, registered
from vaelab.sweep.plan import Sweep
from vaelab.sweep.search import MAX_DRAWS, propose_trials
from vaelab.sweep.study import MAX_ATTEMPTS, State, Study, Trial
from vaelab.sweep.worker import batchable_trials

HOLD = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def named(study: Study, run: str) -> Trial:
    return next(trial for trial in study.trials() if trial.run == run)


def test_a_grid_waits_in_order_and_is_not_made_twice(sweep: Start) -> None:
    study = study_of(sweep("objective.beta=1,2", "training.seed=0,1"))
    propose_trials(study)
    assert [trial.run for trial in study.trials()] == [
        "000_beta1_seed0", "001_beta1_seed1", "002_beta2_seed0", "003_beta2_seed1",
    ]  # fmt: skip
    assert len(study.waiting()) == 4
    assert not study.finished


def test_a_grid_that_was_begun_is_finished(sweep: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("vaelab.sweep.propose_trials", lambda study: None)
        study = study_of(sweep("objective.beta=1,2,4"))
    study.add({"objective.beta": 1}, None)
    propose_trials(study)
    assert [trial.setting["objective.beta"] for trial in study.trials()] == [1, 2, 4]


def test_random_draws_are_within_the_range_and_have_every_seed(sweep: Start) -> None:
    folder = sweep("objective.beta=0.1..10:log", "model.latent=2..5", "training.seed=0,1",
                   search="random", trials=12)  # fmt: skip
    trials = study_of(folder).trials()
    assert len(trials) == 12
    settings = {tuple(trial.setting.values()) for trial in trials}
    assert len(settings) == 6
    for setting in settings:
        same = [trial for trial in trials if tuple(trial.setting.values()) == setting]
        assert sorted(trial.seed for trial in same if trial.seed is not None) == [0, 1]
    assert all(0.1 <= trial.setting["objective.beta"] <= 10 for trial in trials)  # type: ignore[operator]
    assert {type(trial.setting["model.latent"]) for trial in trials} == {int}


@pytest.mark.parametrize("search", ["random", "tpe"])
def test_no_setting_is_trained_twice(sweep: Start, search: str) -> None:
    words = ("model.latent=2..4:log", "model.prior=standard_normal,vamp", "training.seed=0,1")
    study = study_of(sweep(*words, search=search, trials=12))
    while not study.finished:
        propose_trials(study)
        waiting = study.waiting()
        study.claim(waiting, "w")
        for trial in waiting:
            study.complete(trial, -float(trial.setting["model.latent"]), TERMS)  # type: ignore[arg-type]
    trials = study.trials()
    assert len({(*trial.setting.values(), trial.seed) for trial in trials}) == len(trials) == 12
    assert len(study.every()) <= 12 + 6 * MAX_DRAWS


def test_tpe_goes_where_the_trials_promise_most(sweep: Start) -> None:
    folder = sweep("objective.beta=0..10", search="tpe", trials=40)
    study = study_of(folder)
    while not study.finished:
        propose_trials(study)
        waiting = study.waiting()
        assert len(waiting) <= 4
        study.claim(waiting, "w")
        for trial in waiting:
            beta = float(trial.setting["objective.beta"])  # type: ignore[arg-type]
            study.complete(trial, -((beta - 3) ** 2), TERMS)
    betas = [float(trial.setting["objective.beta"]) for trial in study.trials()]  # type: ignore[arg-type]
    assert len(betas) == 40
    near = [sum(abs(beta - 3) < 1.5 for beta in part) for part in (betas[:12], betas[-12:])]
    assert near[1] >= near[0] + 3


def test_a_killed_workers_trials_are_marked_and_retried_a_few_times(sweep: Start) -> None:
    folder = sweep("objective.beta=1,2")
    study = study_of(folder)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        trial = study.trials()[0]
        assert trial.attempt == attempt
        study.claim([trial], f"dead{attempt}")
        with registered(folder, f"dead{attempt}"):
            study.retry_lost(alive(folder))
            assert study.trials()[0].state is State.RUNNING
        study.retry_lost(alive(folder))
        study.retry_lost(alive(folder))
    states = [trial.state for trial in study.every() if trial.run == "000_beta1"]
    assert states == [State.KILLED] * (MAX_ATTEMPTS - 1) + [State.FAILED]
    assert "the worker dead3 was killed" in named(study, "000_beta1").reason
    known = {trial.state for trial in study.optuna.get_trials(deepcopy=False)}
    assert optuna.trial.TrialState.RUNNING not in known
    assert named(study, "001_beta2").state is State.WAITING


def test_one_begun_for_the_last_time_is_trained_alone(sweep: Start) -> None:
    study = study_of(sweep("training.seed=0,1,2,3"))
    first, second, *_ = trials = study.trials()
    last = [trial.model_copy(update={"attempt": MAX_ATTEMPTS}) for trial in trials]
    assert batchable_trials([last[0], second], study.sweep) == [last[0]]
    assert batchable_trials([first, last[1], *trials[2:]], study.sweep) == [first, *trials[2:]]


def test_what_a_killed_process_had_only_drawn_is_dropped(sweep: Start) -> None:
    folder = sweep("objective.beta=0..1", search="tpe", trials=4)
    study = study_of(folder)
    study.optuna.ask({})  # one that waits is taken, and nobody notes by whom
    study.optuna.ask({})
    study.retry_lost(set())
    propose_trials(study)
    assert len(study.trials()) == 4
    assert len(study.waiting()) == 4


def test_a_worker_is_alive_while_its_process_is_also_asleep(tmp_path: Path) -> None:
    assert alive(tmp_path) == set()
    with registered(tmp_path, "mine"):
        assert alive(tmp_path) == {"mine"}
    assert alive(tmp_path) == set()
    assert not list((tmp_path / "workers").iterdir())
    command = [sys.executable, "-c", HOLD, str(tmp_path / "workers" / "other.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert alive(tmp_path) == {"other"}
        process.send_signal(signal.SIGSTOP)
        assert alive(tmp_path) == {"other"}
        process.kill()
        process.wait()
        assert alive(tmp_path) == set()


def test_nobody_makes_or_claims_trials_while_another_does(sweep: Start) -> None:
    folder = sweep("objective.beta=1,2")
    lock = FileLock(folder / "claims.lock", blocking=False)
    with study_of(folder).locked(), pytest.raises(TimeoutError):
        lock.acquire()
    lock.acquire()
    lock.release()


def status_of(folder: Path) -> str:
    console = Console(file=StringIO(), width=200)
    show_status(folder, console)
    return str(console.file.getvalue())


def test_status_counts_none_that_died(sweep: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = sweep("objective.beta=1,2")
    study = study_of(folder)
    study.claim(study.trials(), "far")

    def status() -> str:
        return status_of(folder).splitlines()[-1]

    with registered(folder, "far"):
        assert status() == "1 at work, 2 trials under training"
        assert status_of(folder).count(" running ") == 2
    (folder / "workers" / "far.lock").touch()  # as a kill leaves it
    gone = "0 at work, 0 trials under training; 2 left by killed workers: vaelab sweep resume"
    assert status().startswith(gone)
    assert status_of(folder).count(" killed ") == 2 + 1
    assert " running " not in status_of(folder)

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr("vaelab.sweep.liveness.FileLock", read_only)
    assert status() == "1 at work, 2 trials under training"  # whoever may not ask assumes it


def test_a_sweep_of_which_nothing_is_left_is_not_to_be_gone_on_with(sweep: Start) -> None:
    folder = sweep("objective.beta=1,2")
    study = study_of(folder)
    first, second = study.trials()
    study.fail(first, State.DIVERGED, "the loss is not a number")
    with pytest.raises(MissingFileError, match="is complete yet; `vaelab sweep resume"):
        show_best(folder, QUIET)
    study.fail(second, State.DIVERGED, "the loss is not a number")
    with pytest.raises(MissingFileError, match="was trained to the end; `vaelab sweep status"):
        show_best(folder, QUIET)


def test_runs_that_a_cut_journal_does_not_know_are_told_and_taken_in_again(sweep: Start) -> None:
    folder = sweep("objective.beta=1,2")
    before = work(folder)
    assert "not in journal.log" not in status_of(folder)
    saved = (folder / before[0].run / "weights.safetensors").stat().st_mtime_ns
    with (folder / "journal.log").open("rb+") as journal:
        journal.truncate(100)
    said = r"2 run folders here are not in journal.log, .*; vaelab sweep resume .* takes them in"
    assert re.search(said, status_of(folder))
    with pytest.raises(MissingFileError, match=said):
        show_best(folder, QUIET)
    work(folder)
    assert "not in journal.log" not in status_of(folder)
    assert [trial.elbo for trial in trials_of(folder)] == [trial.elbo for trial in before]
    assert (folder / before[0].run / "weights.safetensors").stat().st_mtime_ns == saved


def test_the_best_says_how_far_the_second_is_by_its_error(sweep: Start) -> None:
    def said(*elbos: float) -> str:
        folder = sweep("objective.beta=1,2", "training.seed=0,1", f"task_name=t{elbos[0]:.0f}")
        study = study_of(folder)
        for trial, elbo in zip(study.trials(), elbos, strict=True):
            study.claim([trial], "me")
            study.complete(trial, elbo, TERMS)
        console = Console(file=StringIO())
        show_best(folder, console)
        return str(console.file.getvalue())

    near = "second: beta 2: 0.50 ± 0.71 nats below, within twice its error\n"
    assert near in said(-10, -11, -10.5, -11.5)
    assert "second: beta 2: 5.00 ± 0.71 nats below\n" in said(-20, -21, -25, -26)


def test_a_folder_is_not_used_twice(sweep: Start, tmp_path: Path) -> None:
    folder = sweep("objective.beta=1,2")
    with pytest.raises(
        BadValueError, match=f"this sweep .* already; `vaelab sweep resume {folder}"
    ):
        sweep("objective.beta=1,2")
    with pytest.raises(
        BadValueError, match=r"other settings .*swept was \('objective.beta=1,2',\)"
    ):
        sweep("objective.beta=1,4")
    with pytest.raises(BadValueError, match="the config or its overrides were others"):
        sweep("objective.beta=1,2", "model.latent=3")
    (tmp_path / "other_sweep").mkdir()
    (tmp_path / "other_sweep" / "letter.txt").write_text("dear")
    with pytest.raises(BadValueError, match="something that is not a sweep"):
        sweep("objective.beta=1,2", "task_name=other")
    with pytest.raises(MissingFileError, match="there is no sweep in"):
        Sweep.load(tmp_path)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("training.device=mps", "this machine"),
        ("training.loggers=[wandb]", "nobody is logged in"),
        ("data={kind: images, path: /nowhere}", "/nowhere"),
    ],
)
def test_what_this_machine_lacks_is_told_before_a_folder_is_made(
    sweep: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, said: str
) -> None:
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    monkeypatch.setattr("wandb.login", lambda **_: False)
    with pytest.raises(UserError, match=said):
        sweep("objective.beta=1,2", word)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_cannot_be_written_and_a_damaged_journal_are_told(
    sweep: Start, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        start_sweep(TINY, ["objective.beta=1,2"], "grid", None, False, tmp_path / "file")
    folder = sweep("objective.beta=1,2")
    (folder / "workers").write_text("in the way of the folder")
    with pytest.raises(StorageError, match="workers"):
        work(folder)
    assert len(study_of(folder).waiting()) == 2
    (folder / "journal.log").write_text("{\n{}\n")
    with pytest.raises(BadValueError, match=r"journal\.log is damaged: line 1 is not JSON;"):
        study_of(folder)
    (folder / "journal.log").write_text("{}\n")
    with pytest.raises(BadValueError, match="it is not what Optuna writes; move it away"):
        study_of(folder)


def test_a_line_that_a_full_disk_cut_short_is_dropped(sweep: Start) -> None:
    folder = sweep("objective.beta=1,2")
    with (folder / "journal.log").open("a") as journal:
        journal.write('{"op_code":6,"work')
    study = study_of(folder)
    study.claim(study.trials()[:1], "me")
    states = [trial.state for trial in study_of(folder).trials()]
    assert states == [State.RUNNING, State.WAITING]
