"""A run's folder: one writer, nothing removed that vaelab did not write, nothing made again."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Answer
from tests.training.conftest import tiny
from vaelab.errors import BadValueError, RunBusyError, RunGoneError, UserError
from vaelab.evaluation.samples import score_samples
from vaelab.quality.images import default_sample_kind
from vaelab.runs.run import Run
from vaelab.runs.runfiles import foreign
from vaelab.runs.runlock import RunLock, writer_of
from vaelab.tensorfile import read_digest, read_tensors
from vaelab.training import (
    Callback,
    DivergedRunError,
    Start,
    Training,
    log,
    train,
    train_together,
)
from vaelab.training.fit_prior import fit_prior
from vaelab.training.fit_prior.outcome import FittingFolder
from vaelab.training.start import finish_saving
from vaelab.training.state import read_progress

Command = Callable[..., Answer]
PICTURES = "figures={every_epoch: [latent], at_end: [latent, interpolation]}"
DIVERGING = "training.optimizer.learning_rate=1e30"


class At(Callback):
    """Does something before a step, once; perhaps stops there."""

    def __init__(self, step: int, act: Callable[[], object], stop: str | None = None) -> None:
        self.step, self.act, self.stop = step, act, stop

    def before_step(self, training: Training) -> None:
        if training.progress.step == self.step:
            self.step = -1
            self.act()
            if self.stop:
                training.stop(self.stop)


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file, but of the lock, which has no content."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock")
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Not to be written into."""
    folder = tmp_path_factory.mktemp("finished")
    return train(tiny("training.epochs=1", PICTURES, "explorer.keep=3"), folder).run


@pytest.fixture
def run(runs: Path, finished: Run) -> Run:
    shutil.copytree(finished.path, runs / finished.path.name)
    return Run(runs / finished.path.name)


@pytest.fixture
def thesis(tmp_path: Path) -> Path:
    """Somebody's project, which has a config.yaml like any other."""
    (tmp_path / "mine" / "src").mkdir(parents=True)
    (tmp_path / "mine" / "config.yaml").write_text("training: {epochs: 1}\n")
    (tmp_path / "mine" / "src" / "thesis.tex").write_text("years of work")
    return tmp_path / "mine"


@pytest.mark.parametrize("option", [[], ["--overwrite"], ["--resume"]])
def test_a_folder_that_only_looks_like_a_run_is_left_alone(
    option: list[str], thesis: Path, vaelab: Command
) -> None:
    before = hashes(thesis)
    answer = vaelab("train", thesis, *option)
    assert answer.code == 2
    assert "--overwrite" not in answer.err
    if option:
        assert "src/" in answer.err
    assert hashes(thesis) == before


@pytest.mark.parametrize(
    "name", ["notes.txt", "output/holiday.png", "explorer/codes/mine.i16", "output/latent"]
)
def test_a_run_with_something_of_ones_own_is_not_replaced(name: str, run: Run) -> None:
    (run.path / name).write_text("mine")
    before = hashes(run.path)
    with pytest.raises(BadValueError, match=name):
        train(tiny("training.epochs=1"), run.path.parent, Start.OVERWRITE)
    assert hashes(run.path) == before
    assert train(tiny("training.epochs=2", PICTURES), run.path.parent, Start.RESUME).stopped is None


def test_no_run_is_begun_under_the_name_of_one_that_waits_to_be_put_back(run: Run) -> None:
    folder = run.path.parent
    for name in (".tiny.replaced", ".tiny.fitting", ".hidden"):
        with pytest.raises(BadValueError, match="without a dot in front"):
            train(tiny(f"task_name={name}"), folder)
        with pytest.raises(BadValueError, match="without a dot in front"):
            FittingFolder(folder / name)
    assert [path.name for path in folder.iterdir()] == ["tiny"]


@pytest.mark.slow
def test_everything_that_vaelab_writes_into_a_run_is_known_by_name(runs: Path) -> None:
    kinds = ["latent", "reconstruction", "manifold", "interpolation", "samples", "traversal",
             "curves", "rates", "nearest", "activity"]  # fmt: skip
    figures = f"figures={{every_epoch: [latent, manifold, interpolation], at_end: {kinds}}}"
    for more in ("model.latent=3", "model.condition={encoder: planes, decoder: one_hot}"):
        experiment = tiny(
            figures, more, "training.preview=true", "explorer.keep=3", "training.epochs=1"
        )
        run = train(experiment, runs, Start.OVERWRITE).run
        score_samples(
            run, "pixels", images=20, made=default_sample_kind(run.experiment.data.pixels)
        )
        run.identity()
        assert foreign(run.path) == []
        with RunLock(run.path, "a test"):
            assert foreign(run.path) == []


def test_what_is_replaced_stays_until_there_are_weights(run: Run) -> None:
    before, folder = hashes(run.path), run.path.parent
    aside = folder / ".tiny.replaced"
    seen: list[Any] = []

    def look() -> None:
        seen.append((hashes(aside), Run.has_weights(run.path)))

    train_together([tiny("training.seed=7")], folder, Start.OVERWRITE, callbacks=[At(11, look)])
    assert seen == [(before, False)]
    assert not aside.exists()
    assert Run(run.path).experiment.training.seed == 7


def test_a_training_that_fails_gives_back_what_it_was_to_replace(run: Run) -> None:
    before, folder = hashes(run.path), run.path.parent
    with pytest.raises(DivergedRunError):
        train(tiny(DIVERGING), folder, Start.OVERWRITE)
    assert hashes(run.path) == before
    assert [path.name for path in folder.iterdir()] == ["tiny"]


def test_one_that_is_stopped_early_keeps_it_aside(run: Run) -> None:
    before, folder = hashes(run.path), run.path.parent
    aside = folder / ".tiny.replaced"
    for _ in range(2):  # the second replaces the first, which had come to nothing
        stop = At(3, lambda: None, "stopped")
        train_together([tiny("training.seed=7")], folder, Start.OVERWRITE, callbacks=[stop])
        assert hashes(aside) == before
        assert read_progress(run.resume_path).step == 3
    train(tiny("training.seed=7"), folder, Start.RESUME)
    assert not aside.exists()


def test_a_kill_between_setting_aside_and_beginning_anew_loses_nothing(run: Run) -> None:
    before, folder = hashes(run.path), run.path.parent
    run.path.rename(folder / ".tiny.replaced")
    with pytest.raises(BadValueError, match="there is a run in"):
        train(tiny(), folder)
    assert hashes(run.path) == before


def test_a_second_writer_is_told_who_writes(run: Run, vaelab: Command) -> None:
    folder = run.path.parent
    refused: list[str] = []

    def others() -> None:
        for start in (Start.NEW, Start.RESUME, Start.OVERWRITE):
            with pytest.raises(UserError) as error:
                train(tiny("training.epochs=9", PICTURES), folder, start)
            refused.append(str(error.value))
        answer = vaelab("train", run.path, "--resume")
        assert answer.code == 2
        refused.append(answer.err)
        writer = writer_of(run.path)
        assert writer is not None
        assert (writer.pid, writer.what) == (os.getpid(), "training")

    more = tiny("training.epochs=2", PICTURES)
    train_together([more], folder, Start.RESUME, callbacks=[At(22, others)])
    assert "there is a run in" in refused.pop(0)
    for text in refused:
        assert f"is being written by process {os.getpid()} (training, since 20" in text
    assert writer_of(run.path) is None
    assert [row["step"] for row in run.metrics()] == sorted(row["step"] for row in run.metrics())


def test_the_lock_of_a_killed_process_is_none(run: Run) -> None:
    code = (
        "import sys, time, pathlib; from vaelab.runs.runlock import RunLock\n"
        "lock = RunLock(pathlib.Path(sys.argv[1]), 'training'); print('held', flush=True)\n"
        "time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(run.path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    writer = writer_of(run.path)
    assert writer is not None
    assert writer.pid == process.pid
    with pytest.raises(RunBusyError, match=f"process {process.pid}"):
        RunLock(run.path, "training")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert writer_of(run.path) is None
    train(tiny("training.epochs=2", PICTURES), run.path.parent, Start.RESUME)


def test_two_fits_of_one_name(run: Run) -> None:
    with FittingFolder(run.path.with_name("tiny_mixture")):
        with pytest.raises(RunBusyError, match="fitting a prior"):
            fit_prior(run)
    left = [path.name for path in run.path.parent.iterdir()]
    assert left == ["tiny"]


@pytest.mark.parametrize("step", [11, 22])  # within an epoch, and after its end
def test_a_removed_folder_is_not_made_again(step: int, runs: Path) -> None:
    experiment = tiny(PICTURES, "explorer.keep=20", "training.log_every=3")

    def remove() -> None:
        while runs.exists():  # a picture may be written into it meanwhile
            shutil.rmtree(runs, ignore_errors=True)

    gone = At(step, remove)
    with pytest.raises(RunGoneError, match="was removed"):
        train_together([experiment], runs, callbacks=[gone])
    assert not runs.exists()


def test_a_moved_folder_is_found_and_goes_on_there(runs: Path) -> None:
    experiment = tiny("training.log_every=3")
    moved = At(11, lambda: (runs / "tiny").rename(runs / "elsewhere"))
    with pytest.raises(RunGoneError, match=r"was moved to .*elsewhere.*--resume"):
        train_together([experiment], runs, callbacks=[moved])
    assert [path.name for path in runs.iterdir()] == ["elsewhere"]
    train(tiny("training.log_every=3", "task_name=elsewhere"), runs, Start.RESUME)
    alone = train(experiment, runs).run
    assert read_digest(runs / "elsewhere" / "weights.safetensors") == read_digest(
        alone.weights_path
    )


def test_a_folder_with_another_run_in_its_place_is_left_to_that(runs: Path, tmp_path: Path) -> None:
    other = train(tiny("training.seed=5"), tmp_path).run
    before = hashes(other.path)

    def replace() -> None:
        shutil.rmtree(runs / "tiny")
        other.path.rename(runs / "tiny")

    with pytest.raises(RunGoneError):
        train_together([tiny("training.log_every=3")], runs, callbacks=[At(11, replace)])
    assert hashes(runs / "tiny") == before


def test_a_folder_that_a_killed_process_had_just_made_is_none(runs: Path) -> None:
    (runs / "tiny").mkdir(parents=True)
    (runs / "tiny" / ".config.yaml.1.tmp").touch()
    (runs / "tiny" / ".lock").touch()
    run = train(tiny("training.epochs=1"), runs).run
    assert not list(run.path.glob("*.tmp"))


def test_leftovers_of_killed_processes_are_removed_and_those_of_others_are_not(run: Run) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host = os.uname().nodename.replace(".", "_")
    dead = [f".resume.safetensors.{ended.pid}.tmp", f"output/.interp.{ended.pid}.old",
            f"explorer/.manifest.json.{host}-{ended.pid}.tmp"]  # fmt: skip
    alive = [
        f".evaluation.json.{os.getpid()}.tmp",
        f".weights.safetensors.elsewhere-{ended.pid}.tmp",
    ]
    for name in dead + alive:
        (run.path / name).touch()
    (run.path / dead[1]).unlink()
    (run.path / dead[1]).mkdir()
    (run.path / dead[1] / "0.png").touch()
    train(tiny("training.epochs=2", PICTURES), run.path.parent, Start.RESUME)
    assert not [name for name in dead if (run.path / name).exists()]
    assert all((run.path / name).exists() for name in alive)


def test_what_was_prepared_is_taken_where_it_is_whole_newer_and_there_of_all(runs: Path) -> None:
    for step in (5, 9):
        stop = At(step, lambda: None, "stopped")
        (outcome,) = train_together([tiny()], runs, Start.RESUME, callbacks=[stop])
        (runs / f"{step}").write_bytes(outcome.run.resume_path.read_bytes())
    old, new = (runs / "5").read_bytes(), (runs / "9").read_bytes()
    shutil.copytree(runs / "tiny", runs / "other")
    one, other = (Run(runs / name) for name in ("tiny", "other"))
    for is_saved, prepared, other_is_saved, taken in (
        (old, new, new, new), (new, old, new, new), (old, new[:-1], new, old), (old, new, old, old),
    ):  # fmt: skip
        one.resume_path.write_bytes(is_saved)
        one.prepared_path.write_bytes(prepared)
        other.resume_path.write_bytes(other_is_saved)
        finish_saving([one, other])
        assert one.resume_path.read_bytes() == taken
        assert other.resume_path.read_bytes() == other_is_saved
        assert not one.prepared_path.exists()
    one.prepared_path.write_bytes(new)
    other.prepared_path.write_bytes(new)
    finish_saving([one, other])
    assert one.resume_path.read_bytes() == other.resume_path.read_bytes() == new


def test_lost_rows_are_said(run: Run, vaelab: Command) -> None:
    lines = run.metrics_path.read_text().splitlines(keepends=True)
    run.metrics_path.write_text("".join(lines[:-1]))
    answer = vaelab("train", run.path, "--resume", "training.epochs=2")
    assert answer.code == 0
    assert "has lost rows" in answer.out
    assert "has lost rows" not in vaelab("train", run.path, "--resume", "training.epochs=3").out


def test_rows_that_no_checkpoint_knows_are_made_again(run: Run, vaelab: Command) -> None:
    rows = run.metrics()
    log.append(run, [{**rows[-1], "step": rows[-1]["step"] + 5}])
    with run.metrics_path.open("a") as file:
        file.write('{"step": 99')  # cut by a kill
    answer = vaelab("train", run.path, "--resume", "training.epochs=2")
    assert (answer.code, "lost" in answer.out) == (0, False)
    assert [row["step"] for row in run.metrics()][: len(rows) + 1] == [
        *(row["step"] for row in rows), 31,
    ]  # fmt: skip


def test_a_missing_checkpoint_is_no_fresh_start(run: Run) -> None:
    run.resume_path.unlink()
    before = hashes(run.path)
    with pytest.raises(BadValueError, match=r"no resume\.safetensors, without which"):
        train(tiny("training.epochs=1", PICTURES), run.path.parent, Start.RESUME)
    assert hashes(run.path) == before


def test_every_flipped_bit_of_saved_tensors_is_found(run: Run) -> None:
    draws = random.Random(0)
    for path in (run.weights_path, run.resume_path):
        content = path.read_bytes()
        for place in draws.sample(range(len(content)), 60):
            path.write_bytes(_flipped(content, place, draws.randrange(8)))
            with pytest.raises(BadValueError, match="damaged"):
                read_tensors(path)
        path.write_bytes(content)
        read_tensors(path)


def _flipped(content: bytes, place: int, bit: int) -> bytes:
    changed = bytearray(content)
    changed[place] ^= 1 << bit
    return bytes(changed)


def test_a_file_without_checksums_is_refused(run: Run) -> None:
    from safetensors.torch import save

    tensors, about = read_tensors(run.weights_path)
    run.weights_path.write_bytes(save(tensors, metadata={"vaelab": json.dumps(about)}))
    with pytest.raises(BadValueError, match="damaged or was not written by vaelab"):
        read_tensors(run.weights_path)


def test_pictures_that_a_kill_swallowed_are_drawn_on_resume(run: Run) -> None:
    before = hashes(run.figures)
    for name in ("latent_epoch_1.png", "latent.gif", "latent.png", "interpolation.png"):
        (run.figures / name).unlink()
    train(tiny("training.epochs=1", PICTURES), run.path.parent, Start.RESUME)
    assert hashes(run.figures) == before


def test_the_log_is_on_the_disk_before_the_checkpoint_that_counts_on_it(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    run = train(tiny("training.epochs=1"), runs).run
    last = max(i for i, name in enumerate(synced) if name.startswith(".resume.safetensors"))
    assert "metrics.jsonl" in synced[last - 2 : last]
    assert synced[last + 1] == "tiny"  # the folder, after the rename
    assert read_progress(run.resume_path).log_bytes == run.metrics_path.stat().st_size
