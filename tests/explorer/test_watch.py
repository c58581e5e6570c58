"""A run that another process writes is followed, and never written by the reader."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from vaelab.bundle import Bundle
from vaelab.errors import RunBusyError
from vaelab.explorer.watch import Log, Shelf, Watch
from vaelab.files import write_text
from vaelab.runs.run import Run
from vaelab.runs.runlock import RunLock, writer_of

HOLD = """
import sys
from pathlib import Path
from vaelab.runs.runlock import RunLock
with RunLock(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held(folder: Path, what: str = "training") -> Iterator[subprocess.Popen[str]]:
    """Another process that writes a run; told to end at the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), what],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    process.stdout.readline()
    try:
        yield process
    finally:
        process.communicate(timeout=60)


@pytest.fixture
def run(trained: Run, tmp_path: Path) -> Run:
    shutil.copytree(trained.path, tmp_path / "runs" / "tiny")
    return Run(tmp_path / "runs" / "tiny")


@pytest.fixture
def unfinished(run: Run) -> Run:
    config = run.config_path
    config.write_text(config.read_text().replace("epochs: 2", "epochs: 4"))
    return Run(run.path)


def watch_of(run: Run, step: int = 0) -> Watch:
    return Watch(run.path, step, frozenset)


def test_a_run_that_nobody_writes_is_told_once(run: Run) -> None:
    watch = watch_of(run)
    first = watch.look()
    assert (first["phase"], first["writer"], first["epochs"]) == ("idle", None, 2)
    assert first["rows"] == run.metrics()
    assert [step["step"] for step in first["kept"]] == [
        step["step"] for step in Bundle(run).manifest()["steps"]
    ]
    assert watch.look() is None


def test_rows_come_as_they_are_written_and_only_from_the_asked_step_on(run: Run) -> None:
    last = run.metrics()[-1]["step"]
    watch = watch_of(run, last)
    assert {row["step"] for row in watch.look()["rows"]} == {last}
    with run.metrics_path.open("a") as file:
        file.write('{"step": 99, "epoch": 3.5, "split": "train"}\n{"step": 100, "ep')
        file.flush()
        told = watch.look()
        assert [row["step"] for row in told["rows"]] == [99]
        assert told["epoch"] == 3.5
        file.write('och": 3.6, "split": "train"}\n[1]\n{"step": NaN, "split": "train"}\n{"a": 1}\n')
    assert [row["step"] for row in watch.look()["rows"]] == [100]
    # a training that goes back writes the log anew
    rows = [json.dumps({"step": last, "split": "train"})] * 999
    write_text(run.metrics_path, "\n".join(rows) + "\n")
    assert len(watch.look()["rows"]) == 999
    run.metrics_path.unlink()
    assert watch.look() is None
    assert Log(run.metrics_path).rows() == []


def test_a_kept_step_is_told_with_the_best_marked(run: Run) -> None:
    watch = watch_of(run)
    watch.look()
    path = run.bundle / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["steps"] = manifest["steps"][:2]
    path.write_text(json.dumps(manifest))
    kept = watch.look()["kept"]
    assert len(kept) == 2
    assert [step["best"] for step in kept] == [False, True]


def test_who_trains_and_how_it_ends(unfinished: Run) -> None:
    watch = watch_of(unfinished)
    assert watch.look()["phase"] == "idle"
    with held(unfinished.path) as process:
        told = watch.look()
        assert told["phase"] == "training"
        assert told["writer"]["pid"] == process.pid
        assert told["writer"]["what"] == "training"
        assert told["writer"]["here"]
        assert told["writer"]["since"]
        assert watch.look() is None
        # a process of this server tells its pages itself
        assert Watch(unfinished.path, 0, lambda: frozenset({process.pid})).look() is None
    assert watch.look()["phase"] == "stopped"
    with held(unfinished.path) as process:
        assert watch.look()["phase"] == "training"
        process.kill()
    told = watch.look()
    assert told["phase"] == "killed"
    assert "was killed, or its machine went down" in told["text"]
    assert watch_of(unfinished).look()["phase"] == "killed"


def test_a_training_that_had_all_its_epochs_is_done(run: Run) -> None:
    watch = watch_of(run)
    with held(run.path):
        assert watch.look()["phase"] == "training"
    told = watch.look()
    assert (told["phase"], told["writer"]) == ("done", None)
    assert "all its epochs are done" in told["text"]


def test_what_is_no_training_is_told_as_that(run: Run) -> None:
    watch = watch_of(run)
    with held(run.path, "making something"):
        told = watch.look()
        assert (told["phase"], told["writer"]["what"]) == ("busy", "making something")
    assert watch.look()["phase"] == "idle"


def test_a_folder_that_is_gone_or_another(run: Run, trained: Run) -> None:
    watch = watch_of(run)
    watch.look()
    run.path.rename(run.path.with_name("elsewhere"))
    assert watch.look() is None  # perhaps it is being replaced
    told = watch.look()
    assert told["phase"] == "gone"
    assert "removed or moved" in told["text"]
    shutil.copytree(trained.path, run.path)
    told = watch.look()
    assert told["anew"]
    assert told["phase"] == "idle"
    assert told["kept"]
    assert "anew" not in (watch.look() or {})


def test_a_run_under_training_is_not_made_a_bundle_of_by_its_reader(run: Run) -> None:
    shutil.rmtree(run.bundle)
    with held(run.path) as process:
        with pytest.raises(RunBusyError, match="it has kept no step to show yet") as caught:
            Bundle(run)
        assert f"process {process.pid} (training, since" in str(caught.value)
        assert not run.bundle.exists()
        told = watch_of(run).look()
        assert told["phase"] == "training"
        assert "kept" not in told
    Bundle(run)
    assert run.bundle.is_dir()
    assert writer_of(run.path) is None


def test_only_one_makes_a_bundle(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(run.bundle)
    made: list[Run] = []
    monkeypatch.setattr("vaelab.bundle.reader.rebuild", made.append)
    with RunLock(run.path, "making the explorer's bundle"), pytest.raises(RunBusyError):
        Bundle(run)
    assert made == []


def test_many_who_ask_do_not_take_each_other_for_writers(run: Run) -> None:
    with held(run.path) as process:
        process.kill()
    ask = (
        "import sys; from pathlib import Path; from vaelab.runs.runlock import writer_of\n"
        "print(sum(writer_of(Path(sys.argv[1])) is not None for _ in range(300)))"
    )
    words = [sys.executable, "-c", ask, str(run.path)]
    asking = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=120)[0].strip() for process in asking] == ["0"] * 3


@pytest.mark.parametrize(
    "content",
    [
        "", "null", "[]", "[" * 9000, '{"what": 1}', '{"pid": 1}', "\xff",
        '{"what": "training", "host": "h", "pid": "1", "since": "now"}',
        '{"what": "training", "host": "h", "pid": -1, "since": "now"}',
        '{"what": "training", "host": "h", "pid": 99999999999999999999, "since": "now"}',
        '{"what": [], "host": {}, "pid": 1, "since": null}',
    ],
)  # fmt: skip
def test_what_a_stranger_wrote_about_a_writer_is_not_believed(run: Run, content: str) -> None:
    with held(run.path):
        (run.path / ".writer.json").write_text(content, encoding="latin-1")
        assert writer_of(run.path).what == "busy"
        assert watch_of(run).look()["phase"] == "busy"
    assert writer_of(run.path) is None


def test_a_training_that_ends_while_it_is_looked_at_has_ended(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held(run.path):
        watch = watch_of(run)
        assert watch.look()["phase"] == "training"

        def left(_: int) -> bool:  # its lock is still held
            (run.path / ".writer.json").unlink()
            return True

        monkeypatch.setattr("vaelab.runs.runlock.is_process", left)
        assert watch.look()["phase"] == "done"


def test_new_runs_are_noticed(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "runs")
    assert not shelf.look()
    (tmp_path / "runs" / "one").mkdir(parents=True)
    assert shelf.look()
    assert shelf.look()  # its config may have come a moment later
    assert not shelf.look()
    with held(tmp_path / "runs" / "one"):
        assert shelf.look()
        assert shelf.look()
        assert not shelf.look()
    assert shelf.look()  # nobody writes it any more
    assert shelf.look()
    assert not shelf.look()


TRAIN = """
import sys
from pathlib import Path
from tests.training.conftest import tiny
from vaelab.training import Callback, train

class Waiting(Callback):
    def on_start(self, training):
        print("begun", flush=True)
        sys.stdin.readline()

experiment = tiny("training.epochs=6", "explorer.keep=8", "training.log_every=20")
train(experiment, Path(sys.argv[1]), callbacks=[Waiting()])
"""


@pytest.mark.slow
def test_a_training_in_another_process_from_beginning_to_end(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", TRAIN, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    try:
        assert process.stdout.readline() == "begun\n"
        run = Run(tmp_path / "tiny")
        watch = watch_of(run)
        told = [watch.look()]
        assert told[0]["phase"] == "training"
        print(file=process.stdin, flush=True)

        def ended() -> bool:
            if (news := watch.look()) is not None:
                told.append(news)
            return told[-1]["phase"] != "training"

        until(ended)
    except BaseException:
        process.send_signal(signal.SIGABRT)  # it says where it hangs, if it does
        raise
    finally:
        process.communicate(timeout=60)
    assert (told[-1]["phase"], process.returncode) == ("done", 0)
    assert [row for news in told for row in news.get("rows", [])] == run.metrics()
    steps = [news["kept"] for news in told if "kept" in news]
    assert steps[-1] == Bundle(run).manifest()["steps"]
    assert all(len(a) <= len(b) for a, b in pairwise(steps))


def until(true: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
