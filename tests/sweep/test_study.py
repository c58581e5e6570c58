"""Trials are made once, claimed by one, and retried when their worker is killed."""

import errno
import os
import socket
from dataclasses import replace
from io import StringIO
from pathlib import Path
from time import time

import optuna
import pytest

from tests.sweep.conftest import QUIET, Begin
from vaelab.console import Console
from vaelab.errors import BadValueError, MissingFileError, StorageError, UserError
from vaelab.sweep import begin, show_best, show_status
from vaelab.sweep.group import alike
from vaelab.sweep.heart import GRACE, Heart, Watch
from vaelab.sweep.plan import Sweep
from vaelab.sweep.reap import reap
from vaelab.sweep.study import ATTEMPTS, DRAWS, Study
from vaelab.sweep.supply import fill, over
from vaelab.sweep.trial import State, Trial

TERMS = {"distortion": 1.0, "rate": 2.0, "epoch": 1}


def opened(folder: Path) -> tuple[Study, Sweep]:
    sweep = Sweep.load(folder)
    return Study(folder, sweep.space), sweep


def named(study: Study, run: str) -> Trial:
    return next(trial for trial in study.trials() if trial.run == run)


def test_a_grid_waits_in_order_and_is_not_made_twice(sweep: Begin) -> None:
    study, plan = opened(sweep("objective.beta=1,2", "training.seed=0,1"))
    fill(study, plan)
    assert [trial.run for trial in study.trials()] == [
        "000_beta1_seed0", "001_beta1_seed1", "002_beta2_seed0", "003_beta2_seed1",
    ]  # fmt: skip
    assert {trial.state for trial in study.trials()} == {State.WAITING}
    assert not over(study, plan)


def test_a_grid_that_was_begun_is_finished(sweep: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("vaelab.sweep.fill", lambda study, sweep: None)
        study, plan = opened(sweep("objective.beta=1,2,4"))
    study.add({"objective.beta": 1}, None)
    fill(study, plan)
    assert [trial.setting["objective.beta"] for trial in study.trials()] == [1, 2, 4]


def test_who_makes_many_trials_shows_that_it_still_holds_the_lock(sweep: Begin) -> None:
    folder = sweep("objective.beta=1,2")
    study, _ = opened(folder)
    with study.alone():
        (lock,) = folder.glob("claims*")
        os.utime(lock, (0, 0))
        study.add({"objective.beta": 1}, None)
        assert lock.stat().st_mtime > 0


def test_random_draws_are_within_the_range_and_have_every_seed(sweep: Begin) -> None:
    folder = sweep("objective.beta=0.1..10:log", "model.latent=2..5", "training.seed=0,1",
                   search="random", trials=12)  # fmt: skip
    trials = opened(folder)[0].trials()
    assert len(trials) == 12
    settings = {tuple(trial.setting.values()) for trial in trials}
    assert len(settings) == 6
    for setting in settings:
        same = [trial for trial in trials if tuple(trial.setting.values()) == setting]
        assert sorted(trial.seed for trial in same if trial.seed is not None) == [0, 1]
    assert all(0.1 <= trial.setting["objective.beta"] <= 10 for trial in trials)  # type: ignore[operator]
    assert {type(trial.setting["model.latent"]) for trial in trials} == {int}


@pytest.mark.parametrize("search", ["random", "tpe"])
def test_no_setting_is_trained_twice(sweep: Begin, search: str) -> None:
    words = ("model.latent=2..4:log", "model.prior=standard_normal,vamp", "training.seed=0,1")
    study, plan = opened(sweep(*words, search=search, trials=12))
    while not over(study, plan):
        fill(study, plan)
        waiting = [trial for trial in study.trials() if trial.state is State.WAITING]
        study.claim(waiting, "w")
        for trial in waiting:
            study.complete(trial, -float(trial.setting["model.latent"]), TERMS)  # type: ignore[arg-type]
    trials = study.trials()
    assert len({(*trial.setting.values(), trial.seed) for trial in trials}) == len(trials) == 12
    assert len(study.every()) <= 12 + 6 * DRAWS


def test_tpe_goes_where_the_trials_promise_most(sweep: Begin) -> None:
    folder = sweep("objective.beta=0..10", search="tpe", trials=40)
    study, plan = opened(folder)
    while not over(study, plan):
        fill(study, plan)
        waiting = [trial for trial in study.trials() if trial.state is State.WAITING]
        assert len(waiting) <= 4
        study.claim(waiting, "w")
        for trial in waiting:
            beta = float(trial.setting["objective.beta"])  # type: ignore[arg-type]
            study.complete(trial, -((beta - 3) ** 2), TERMS)
    betas = [float(trial.setting["objective.beta"]) for trial in study.trials()]  # type: ignore[arg-type]
    assert len(betas) == 40
    near = [sum(abs(beta - 3) < 1.5 for beta in part) for part in (betas[:12], betas[-12:])]
    assert near[1] >= near[0] + 3


def test_a_killed_workers_trials_are_marked_and_retried_a_few_times(sweep: Begin) -> None:
    folder = sweep("objective.beta=1,2")
    study, _ = opened(folder)
    watch = Watch(folder)
    for attempt in range(1, ATTEMPTS + 1):
        trial = study.trials()[0]
        assert trial.attempt == attempt
        study.claim([trial], f"dead{attempt}")
        reap(study, watch, watch.living())
        reap(study, watch, watch.living())
    states = [trial.state for trial in study.every() if trial.run == "000_beta1"]
    assert states == [State.KILLED] * (ATTEMPTS - 1) + [State.FAILED]
    assert "the worker dead3 was killed" in named(study, "000_beta1").reason
    known = {trial.state for trial in study.optuna.get_trials(deepcopy=False)}
    assert optuna.trial.TrialState.RUNNING not in known
    assert named(study, "001_beta2").state is State.WAITING


def test_one_begun_for_the_last_time_is_trained_alone(sweep: Begin) -> None:
    study, plan = opened(sweep("training.seed=0,1,2,3"))
    first, second, *_ = trials = study.trials()
    last = [replace(trial, attempt=ATTEMPTS) for trial in trials]
    assert alike([last[0], second], plan) == [last[0]]
    assert alike([first, last[1], *trials[2:]], plan) == [first, *trials[2:]]


def test_the_first_at_a_rung_goes_on_and_a_run_that_is_retried_counts_once(sweep: Begin) -> None:
    study, _ = opened(sweep("objective.beta=1,2,4"))
    first, second, third = study.trials()
    study.report(first, 2, -3.0)
    assert study.worse_half(2) == set()
    study.claim([first], "dead")
    study.retry(first)
    study.report(study.trials()[0], 2, -3.0)
    study.report(second, 2, -1.0)
    study.report(third, 4, 0.0)
    assert study.worse_half(2) == {first.run}
    study.report(third, 2, -5.0)
    assert study.worse_half(2) == {third.run}


def test_what_a_killed_process_had_only_drawn_is_dropped(sweep: Begin) -> None:
    folder = sweep("objective.beta=0..1", search="tpe", trials=4)
    study, plan = opened(folder)
    study.optuna.ask({})  # one that waits is taken, and nobody notes by whom
    study.optuna.ask({})
    reap(study, Watch(folder), set())
    fill(study, plan)
    assert len(study.trials()) == 4
    assert all(trial.state is State.WAITING for trial in study.trials())


def test_a_worker_lives_while_its_process_does(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    with Heart(tmp_path, "mine"):
        assert watch.living() == {"mine"}
    assert watch.living() == set()
    gone = tmp_path / "workers" / "gone"
    gone.write_text(f"{socket.gethostname()} 999999999\n")
    far = tmp_path / "workers" / "far"
    far.write_text("elsewhere 1\n")
    assert watch.living() == {"far"}


def test_one_elsewhere_is_given_up_after_a_minute_without_a_beat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vaelab.sweep import heart

    path = tmp_path / "workers" / "far"
    path.parent.mkdir()
    path.write_text("elsewhere 1\n")
    now = 0.0
    monkeypatch.setattr(heart, "monotonic", lambda: now)
    watch = Watch(tmp_path)
    assert watch.living() == {"far"}
    now = 59.0
    assert watch.living() == {"far"}
    os.utime(path, ns=(1, 1))  # whatever its clock says
    now = 100.0
    assert watch.living() == {"far"}
    now = 161.0
    assert watch.living() == set()


def test_status_counts_none_that_died_elsewhere_long_ago(
    sweep: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sweep("objective.beta=1,2")
    study, _ = opened(folder)
    study.claim(study.trials(), "far")
    path = folder / "workers" / "far"
    path.parent.mkdir()
    path.write_text("elsewhere 1\n")

    def status() -> str:
        console = Console(file=StringIO(), width=200)
        show_status(folder, console)
        return str(console.file.getvalue()).splitlines()[-1]

    assert status() == "1 at work, 2 trials under training"
    os.utime(path, (time() - 2 * GRACE,) * 2)
    gone = "0 at work, 0 trials under training; 2 left by killed workers: vaelab sweep resume"
    assert status().startswith(gone)
    assert os.listdir(path.parent) == ["far"]

    def read_only(**_: object) -> None:
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr("vaelab.sweep.heart.NamedTemporaryFile", read_only)
    assert status().startswith(gone)


def test_a_sweep_of_which_nothing_is_left_is_not_to_be_gone_on_with(sweep: Begin) -> None:
    folder = sweep("objective.beta=1,2")
    study, _ = opened(folder)
    first, second = study.trials()
    study.fail(first, State.DIVERGED, "the loss is not a number")
    with pytest.raises(MissingFileError, match="is complete yet; `vaelab sweep resume"):
        show_best(folder, QUIET)
    study.fail(second, State.DIVERGED, "the loss is not a number")
    with pytest.raises(MissingFileError, match="was trained to the end; `vaelab sweep status"):
        show_best(folder, QUIET)


def test_a_folder_is_not_used_twice(sweep: Begin, tmp_path: Path) -> None:
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
    sweep: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, said: str
) -> None:
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    monkeypatch.setattr("wandb.login", lambda **_: False)
    with pytest.raises(UserError, match=said):
        sweep("objective.beta=1,2", word)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_cannot_be_written_and_a_damaged_journal_are_told(
    sweep: Begin, tmp_path: Path
) -> None:
    from tests.sweep.conftest import TINY

    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        begin(TINY, ["objective.beta=1,2"], "grid", None, False, tmp_path / "file")
    folder = sweep("objective.beta=1,2")
    (folder / "journal.log").write_text("{\n{}\n")
    with pytest.raises(BadValueError, match=r"journal\.log is damaged"):
        opened(folder)


def test_a_line_that_a_full_disk_cut_short_is_dropped(sweep: Begin) -> None:
    folder = sweep("objective.beta=1,2")
    with (folder / "journal.log").open("a") as journal:
        journal.write('{"op_code":6,"work')
    study, _ = opened(folder)
    study.claim(study.trials()[:1], "me")
    states = [trial.state for trial in opened(folder)[0].trials()]
    assert states == [State.RUNNING, State.WAITING]
