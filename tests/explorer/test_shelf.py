"""The table of runs: what it says of them, other names, the bin."""

import json
import os
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

import vaelab.explorer.rows as rows_module
from vaelab.config import validate
from vaelab.experiment import Experiment
from vaelab.explorer.app import Explorer
from vaelab.explorer.library import Library
from vaelab.explorer.rows import settings_of
from vaelab.runs.run import Run
from vaelab.runs.runlock import RunLock


@pytest.fixture
def runs(trained: Run, tmp_path: Path) -> Path:
    """A run, another with more epochs to go, and a damaged one with a stranger's file."""
    folder = tmp_path / "runs"
    shutil.copytree(trained.path, folder / "tiny")
    shutil.copytree(trained.path, folder / "longer")
    config = folder / "longer" / "config.yaml"
    config.write_text(config.read_text().replace("epochs: 2", "epochs: 40"))
    (folder / "broken").mkdir()
    (folder / "broken" / "config.yaml").write_text("model: [")
    (folder / "broken" / "notes.txt").write_text("mine")
    return folder


@pytest.fixture
def explorer(runs: Path, page: Path) -> Explorer:
    return Explorer(Library(runs), page)


@pytest.fixture
def client(explorer: Explorer) -> TestClient:
    return TestClient(explorer.app())


def listed(client: TestClient) -> dict[str, Any]:
    return {row["id"]: row for row in client.get("/api/runs").json()["runs"]}


def hashes(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


def test_changes_made_while_it_trained_are_words(runs: Path) -> None:
    changes = [
        {"step": 1310, "beta": 4.2},
        {"step": 1400, "learning_rate": 0.001, "stop": True},
        {"step": 2000, "stop": True},
    ]
    data = Run(runs / "tiny").experiment.model_dump(mode="json")
    data["training"]["changes"] = changes
    found = settings_of(validate(Experiment, data, "a test"))
    assert found["training.changes"] == (
        "beta 4.2 from step 1,310; learning rate 0.001 from step 1,400, stopped at step 1,400; "
        "stopped at step 2,000"
    )


def test_kinds_are_words_and_paths_stand_as_they_are() -> None:
    data = {"kind": "images", "path": "/home/me/my_pictures"}
    model = {"likelihood": {"kind": "optimal_gaussian"}}
    found = settings_of(validate(Experiment, {"data": data, "model": model}, "a test"))
    assert found["data.path"] == "/home/me/my_pictures"
    assert found["model.likelihood"] == "optimal gaussian"
    assert found["model.likelihood.floor"] == "0.001"


def test_a_line_has_the_numbers_of_the_weights_kept_and_the_settings_that_differ(
    client: TestClient, runs: Path
) -> None:
    found = listed(client)
    assert found["tiny"]["settings"] == {"training.epochs": "2"}
    assert found["longer"]["settings"] == {"training.epochs": "40"}
    assert found["broken"]["settings"] == {}
    about = Run(runs / "tiny").about_weights()
    log = [json.loads(line) for line in (runs / "tiny/metrics.jsonl").read_text().splitlines()]
    (kept,) = (row for row in log if (row["step"], row["split"]) == (about["step"], "valid"))
    tiny = found["tiny"]
    assert tiny["epochs_done"] == max(row["epoch"] for row in log)
    assert (tiny["distortion_nats"], tiny["rate_nats"]) == (
        kept["distortion_nats"],
        kept["rate_nats"],
    )
    assert tiny["elbo_nats"] == pytest.approx(
        -tiny["distortion_nats"] - tiny["rate_nats"], rel=1e-9
    )


def test_a_run_is_read_again_when_its_files_are_others_and_only_then(
    client: TestClient, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    line = rows_module._line
    monkeypatch.setattr(rows_module, "_line", lambda path: (read.append(path.name), line(path))[1])
    listed(client)
    assert sorted(read) == ["broken", "longer", "tiny"]
    read.clear()
    with (runs / "tiny" / "metrics.jsonl").open("a") as log:
        log.write(json.dumps(Run(runs / "tiny").metrics()[-1] | {"epoch": 7}) + "\n")
    assert listed(client)["tiny"]["epochs_done"] == 7
    assert read == ["tiny"]


def test_a_glance_is_where_the_bundle_has_the_codes(client: TestClient, runs: Path) -> None:
    points = np.array(client.get("/api/runs/tiny/glance").json()["points"])
    manifest = json.loads((runs / "tiny/explorer/manifest.json").read_text())
    best = next(
        step for step in client.get("/api/runs/tiny/bundle/manifest.json").json()["steps"]
        if step["best"]
    )  # fmt: skip
    codes = np.fromfile(runs / f"tiny/explorer/codes/{best['index']:04}.i16", "<i2")
    loc = codes.reshape(manifest["images"]["count"], 2, manifest["latent"])[:, 0] * best["loc_unit"]
    labels = np.fromfile(runs / "tiny/explorer/labels.u8", np.uint8)
    for x, y, label in points:
        (same,) = np.nonzero(np.abs(loc - (x, y)).max(1) < 1e-3)
        assert label in labels[same]
    shutil.rmtree(runs / "longer" / "explorer")
    assert client.get("/api/runs/longer/glance").json() == {"points": []}
    assert not (runs / "longer" / "explorer").exists()


def test_a_run_goes_into_the_bin_and_comes_back_whole(client: TestClient, runs: Path) -> None:
    for name in ("tiny", "broken"):
        before = hashes(runs / name)
        binned = client.post(f"/api/runs/{name}/throw_away", json={}).json()["binned"]
        assert name not in listed(client)
        assert client.get("/api/bin").json()["runs"] == [binned]
        assert hashes(runs / ".trash" / binned) == before
        back = client.post("/api/bin/take_back", json={"binned": binned, "name": name})
        assert back.json() == {"run": name}
        assert hashes(runs / name) == before


def test_nothing_in_the_bin_or_beside_it_is_replaced(client: TestClient, runs: Path) -> None:
    client.post("/api/runs/tiny/throw_away", json={})
    shutil.copytree(runs / "longer", runs / "tiny")
    assert client.post("/api/runs/tiny/throw_away", json={}).json() == {"binned": "tiny-2"}
    shutil.copytree(runs / "longer", runs / "tiny")
    former = hashes(runs / "tiny")
    back = client.post("/api/bin/take_back", json={"binned": "tiny-2", "name": "tiny"})
    assert back.json() == {"run": "tiny-2"}
    assert hashes(runs / "tiny") == former


def test_a_run_gets_another_name_unless_something_has_it(client: TestClient, runs: Path) -> None:
    before = hashes(runs / "tiny")
    assert client.post("/api/runs/tiny/rename", json={"name": "a better name"}).status_code == 200
    assert hashes(runs / "a better name") == before
    assert not (runs / "tiny").exists()
    assert listed(client)["a better name"]["writer"] is None
    for name in ("longer", "a/b", "..", ".hidden", "", "x" * 300):
        answer = client.post("/api/runs/a better name/rename", json={"name": name})
        assert answer.status_code in (400, 404), name
    assert hashes(runs / "a better name") == before


def locked(explorer: Explorer, runs: Path) -> Any:
    """As another process has it: one of this server's own is waited for."""
    lock = RunLock(runs / "tiny", "training")
    writer = {"what": "training", "host": "another", "pid": os.getpid(), "since": "now"}
    (runs / "tiny" / ".writer.json").write_text(json.dumps(writer))
    return lock


def trained_here(explorer: Explorer, runs: Path) -> None:
    explorer.job.state |= {"run": "tiny", "phase": "playing"}


def linked(explorer: Explorer, runs: Path) -> None:
    (runs / "tiny").rename(runs.parent / "elsewhere")
    (runs / "tiny").symlink_to(runs.parent / "elsewhere")


@pytest.mark.parametrize("hold", [locked, trained_here, linked])
def test_a_run_that_is_written_or_lies_elsewhere_stays_where_it_is(
    explorer: Explorer, client: TestClient, runs: Path, hold: Callable[..., Any]
) -> None:
    held = hold(explorer, runs)
    for request, body in (("rename", {"name": "other"}), ("throw_away", {})):
        answer = client.post(f"/api/runs/tiny/{request}", json=body)
        assert answer.status_code in (400, 409)
    assert (runs / "tiny" / "config.yaml").exists()
    assert not (runs / "other").exists()
    if held is not None:
        held.release()


def test_a_bin_that_leads_elsewhere_is_not_used(client: TestClient, runs: Path) -> None:
    (runs.parent / "elsewhere").mkdir()
    (runs / ".trash").symlink_to(runs.parent / "elsewhere")
    assert client.post("/api/runs/tiny/throw_away", json={}).status_code == 400
    assert client.get("/api/bin").json() == {"runs": []}
    assert not any((runs.parent / "elsewhere").iterdir())
