"""What becomes of a run that is there already when the page asks to train."""

import asyncio
import json
import os
import shutil
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from vaelab.explorer.app import Explorer
from vaelab.explorer.job import Job
from vaelab.explorer.library import Library
from vaelab.runs.run import Run
from vaelab.runs.runfiles import copy_run
from vaelab.runs.runlock import RunLock
from vaelab.training import Start, train
from vaelab.training.state import read_progress


def hashes(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def runs(trained: Run, tmp_path: Path) -> Path:
    """A finished run, measured, and one that was stopped after one of its two epochs."""
    folder = tmp_path / "runs"
    shutil.copytree(trained.path, folder / "tiny")
    (folder / "tiny" / "evaluation.json").write_text("{}")
    (folder / "tiny" / "identity.json").write_text('{"identity": "a1"}')
    shutil.copytree(trained.path, folder / "half")
    config = folder / "half" / "config.yaml"
    config.write_text(config.read_text().replace("epochs: 2", "epochs: 4"))
    return folder


@pytest.fixture
def explorer(runs: Path, page: Path) -> Explorer:
    return Explorer(Library(runs), page)


@pytest.fixture
def begun(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the process that trains would have been told."""
    told: list[Any] = []

    async def begin(*job: Any, copy_of: Path | None = None) -> None:
        experiment, _, start, play, *rest = job
        told.append((experiment, start, play, rest[0] if rest else copy_of))

    monkeypatch.setattr(explorer.job, "begin", begin)
    return told


@pytest.fixture
def client(explorer: Explorer, begun: list[Any]) -> TestClient:
    return TestClient(explorer.app())


def resume(client: TestClient, **body: Any) -> Any:
    return client.post("/api/training/resume", json=body)


def test_a_finished_run_is_not_gone_on_with_unless_it_is_said_how(
    client: TestClient, begun: list[Any]
) -> None:
    answer = resume(client, run="tiny", epochs=4)
    assert answer.status_code == 409
    assert "its best weights are then replaced" in answer.json()["error"]
    assert begun == []


def test_a_finished_run_is_gone_on_with_as_a_copy(client: TestClient, begun: list[Any]) -> None:
    answer = resume(client, run="tiny", epochs=4, how="copy")
    assert answer.json() == {"run": "tiny-2"}
    ((experiment, start, play, copy_of),) = begun
    assert (experiment.task_name, experiment.training.epochs) == ("tiny-2", 4)
    assert (start, play, copy_of.name) == (Start.RESUME, True, "tiny")


def test_a_finished_run_is_gone_on_with_in_place_where_that_is_said(
    client: TestClient, begun: list[Any]
) -> None:
    assert resume(client, run="tiny", epochs=4, how="in_place").json() == {"run": "tiny"}
    ((experiment, start, _, copy_of),) = begun
    assert (experiment.task_name, start, copy_of) == ("tiny", Start.RESUME, None)


def test_an_unfinished_run_is_gone_on_with(client: TestClient, begun: list[Any]) -> None:
    assert resume(client, run="half").json() == {"run": "half"}
    assert resume(client, run="half", how="copy").json() == {"run": "half-2"}
    assert [one[3] and one[3].name for one in begun] == [None, "half"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"how": "somehow", "epochs": 9}, 400, "'copy' or 'in_place'"),
        ({"how": "copy"}, 400, "ask for more of them"),
        ({"how": "in_place", "epochs": 2}, 400, "ask for more of them"),
        ({"how": "copy", "epochs": "many"}, 400, "`epochs`: input should be a valid integer"),
        ({"how": "copy", "epochs": [9] * 999}, 400, "`epochs`: input should be a valid integer"),
    ],
)
def test_what_makes_no_sense_is_refused(
    client: TestClient, begun: list[Any], body: dict[str, Any], status: int, words: str
) -> None:
    answer = resume(client, run="tiny", **body)
    assert answer.status_code == status
    assert words in answer.json()["error"]
    assert begun == []


def test_a_run_that_keeps_nothing_keeps_steps_once_a_page_watches_it(
    client: TestClient, begun: list[Any], runs: Path
) -> None:
    config = runs / "half" / "config.yaml"
    config.write_text(config.read_text().replace("keep: 20", "keep: 0"))
    assert Run(runs / "half").experiment.explorer.keep == 0
    resume(client, run="half")
    assert begun[0][0].explorer.keep is None


def reset(client: TestClient, run: str) -> Any:
    return client.post("/api/training/reset", json={"run": run})


def test_a_finished_run_is_begun_anew_beside_it(
    client: TestClient, begun: list[Any], explorer: Explorer
) -> None:
    explorer.job.begun_here.add("a1")  # even where this page has begun it
    assert reset(client, "tiny").json() == {"run": "tiny-2"}
    ((experiment, start, play, copy_of),) = begun
    assert (experiment.task_name, start, play, copy_of) == ("tiny-2", Start.NEW, False, None)


def test_a_run_that_was_begun_elsewhere_is_begun_anew_beside_it(
    client: TestClient, begun: list[Any], runs: Path
) -> None:
    assert reset(client, "half").json() == {"run": "half-2"}
    (runs / "half" / "identity.json").write_text('{"identity": "a2"}')
    assert reset(client, "half").json() == {"run": "half-2"}
    assert {one[1] for one in begun} == {Start.NEW}


def test_an_unfinished_run_of_this_page_is_replaced_without_what_was_changed_on_the_way(
    client: TestClient, begun: list[Any], runs: Path, explorer: Explorer
) -> None:
    (runs / "half" / "identity.json").write_text('{"identity": "a2"}')
    explorer.job.begun_here.add("a2")
    config = runs / "half" / "config.yaml"
    config.write_text(config.read_text().replace("changes: []", "changes: [{step: 3, beta: 9.0}]"))
    assert Run(runs / "half").experiment.training.changes
    assert reset(client, "half").json() == {"run": "half"}
    ((experiment, start, play, _),) = begun
    assert (start, play, experiment.training.changes) == (Start.OVERWRITE, False, ())


def test_a_run_that_another_process_writes_is_left_to_it(
    client: TestClient, begun: list[Any], runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Job, "processes", frozenset())
    with RunLock(runs / "half", "training"):
        for answer in (resume(client, run="half"), reset(client, "half")):
            assert answer.status_code == 409
            assert f"is being written by process {os.getpid()} (training" in answer.json()["error"]
    assert begun == []


def test_the_last_pictures_of_an_own_training_are_waited_for(
    client: TestClient, begun: list[Any], runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vaelab.explorer.job.PATIENCE", 0.1)
    with RunLock(runs / "half", "training"):
        answer = resume(client, run="half")
    assert answer.status_code == 409
    assert "its last pictures are still being drawn" in answer.json()["error"]
    assert begun == []


def test_nothing_of_a_run_is_touched_by_what_is_refused(client: TestClient, runs: Path) -> None:
    before = hashes(runs)
    resume(client, run="tiny", epochs=4)
    resume(client, run="tiny", how="copy")
    assert hashes(runs) == before


def test_a_copy_goes_on_from_the_finished_weights_and_leaves_the_run_alone(runs: Path) -> None:
    before = hashes(runs / "tiny")
    run = Run(runs / "tiny")
    copy_run(run.path, runs / "tiny-2")
    assert hashes(runs / "tiny") == before
    copied = hashes(runs / "tiny-2")
    left_out = {"evaluation.json", "identity.json", ".lock"}
    assert copied == {name: one for name, one in before.items() if name not in left_out}

    training = run.experiment.training.model_copy(update={"epochs": 3})
    longer = run.experiment.model_copy(update={"training": training, "task_name": "tiny-2"})
    train(longer, runs, Start.RESUME)
    assert read_progress(runs / "tiny-2" / "resume.safetensors").epoch == 3
    assert hashes(runs / "tiny") == before
    whole = run.experiment.model_copy(update={"training": training, "task_name": "whole"})
    train(whole, runs)
    for name in ("weights.safetensors", "metrics.jsonl"):
        assert (runs / "tiny-2" / name).read_bytes() == (runs / "whole" / name).read_bytes()


@pytest.mark.slow
def test_from_request_to_training_with_its_process(runs: Path, page: Path) -> None:
    before = hashes(runs / "tiny")
    explorer = Explorer(Library(runs), page)
    with TestClient(explorer.app()) as client:
        job = explorer.job

        def until(*phases: str) -> None:
            end = time.monotonic() + 120
            while job.state["phase"] not in phases and time.monotonic() < end:
                time.sleep(0.02)
            assert job.state["phase"] in phases, job.state

        assert resume(client, run="tiny", epochs=3, how="copy").json() == {"run": "tiny-2"}
        until("ended")
        assert read_progress(runs / "tiny-2" / "resume.safetensors").epoch == 3
        # a copy that cannot be trained is not left behind
        environment = runs / "half" / "environment.json"
        facts = json.loads(environment.read_text())
        environment.write_text(json.dumps(facts | {"data_checksum": "0" * 64}))
        assert resume(client, run="half", how="copy").status_code == 200
        until("failed")
        assert "the data has changed" in job.state["text"]
        assert not (runs / "half-2").exists()
        # what is begun here and stopped is replaced by a reset; then it has no weights
        body = {"base": "digits", "name": "mine", "set": {"training.epochs": 500}}
        assert client.post("/api/training/start", json=body).json() == {"run": "mine"}
        until("playing")
        assert reset(client, "mine").json() == {"run": "mine"}
        until("paused")
        assert job.state["step"] == 0
        assert client.post("/api/training/command", json={"do": "stop"}).status_code == 200
        until("ended")
        assert sorted(path.name for path in runs.iterdir() if path.name[0] != ".") == [
            "half", "mine", "tiny", "tiny-2",
        ]  # fmt: skip
    assert hashes(runs / "tiny") == before


SLOW_PROCESS = """
import json, struct, sys, time
def say(header):
    text = json.dumps(header).encode()
    message = struct.pack("<I", len(text)) + text
    sys.stdout.buffer.write(struct.pack("<I", len(message)) + message)
    sys.stdout.buffer.flush()
log = open(sys.argv[1] + "/heard", "a")
while not open(sys.argv[1] + "/go").read():
    time.sleep(0.02)
say({"type": "ready", "pid": 7})
for line in sys.stdin:
    log.write(line)
    log.flush()
"""


def test_what_is_wished_while_it_starts_is_not_lost(
    runs: Path, explorer: Explorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "go").write_text("")
    job = explorer.job
    monkeypatch.setattr("vaelab.explorer.job.COMMAND", ("python3", "-c", SLOW_PROCESS))
    experiment = Run(runs / "half").experiment

    def heard() -> list[str]:
        path = tmp_path / "heard"
        return [json.loads(line)["do"] for line in path.read_text().splitlines()]

    async def play() -> None:
        await job.prepare(tmp_path)
        first = asyncio.create_task(job.begin(experiment, runs, Start.RESUME, play=True))
        await asyncio.sleep(0)
        assert job.state["phase"] == "starting"
        await job.command("stop")  # its process is not even there yet
        assert (job.state["phase"], job.state["text"]) == ("ended", "stopped before it began")
        with pytest.raises(Exception, match="was stopped before it began"):
            await first
        second = asyncio.create_task(job.begin(experiment, runs, Start.RESUME, play=True))
        await asyncio.sleep(0)
        await job.command("pause")
        await job.set({"beta": 3})
        (tmp_path / "go").write_text("go")
        await second
        await job.command("stop")
        for _ in range(500):
            if len(heard()) == 4:
                break
            await asyncio.sleep(0.02)
        await job.close()

    asyncio.run(play())
    assert heard() == ["train", "pause", "set", "stop"]
