"""What the server tells the page, and what it refuses in words."""

import asyncio
import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import httpx2
import pytest
import torch
import yaml
from starlette.testclient import TestClient

from vaelab.config import validate
from vaelab.errors import BadValueError, MissingFileError, UserError
from vaelab.explorer.app import Explorer
from vaelab.explorer.choices import Settings, choices, experiment_of
from vaelab.explorer.library import Library
from vaelab.explorer.serve import library_of
from vaelab.likelihoods import BaseLikelihood
from vaelab.priors import BasePrior
from vaelab.runs.run import Run
from vaelab.runs.runlock import RunLock


@pytest.fixture
def runs(trained: Run, tmp_path: Path) -> Path:
    shutil.copytree(trained.path, tmp_path / "runs" / "tiny")
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "config.yaml").write_text("model: [")
    return tmp_path / "runs"


@pytest.fixture
def client(runs: Path, page: Path) -> TestClient:
    """The application alone: without the guard, and without a process that trains."""
    return TestClient(Explorer(Library(runs), page).app())


def test_runs_are_listed_and_a_damaged_one_says_why(client: TestClient) -> None:
    rows = {row["id"]: row for row in client.get("/api/runs").json()["runs"]}
    assert rows["tiny"]["epochs_done"] == rows["tiny"]["epochs"] == 2
    assert rows["tiny"]["obstacle"] is None
    assert "not valid YAML" in rows["broken"]["obstacle"]


def test_a_bundle_is_served_file_by_file(client: TestClient, runs: Path) -> None:
    manifest = client.get("/api/runs/tiny/bundle/manifest.json").json()
    assert manifest["metrics"]
    assert manifest["run"]["name"] == "tiny"
    for name in ("labels.u8", "thumbs.png", "weights/0000.f16", "codes/0003.i16"):
        answer = client.get(f"/api/runs/tiny/bundle/{name}")
        assert answer.content == (runs / "tiny" / "explorer" / name).read_bytes()


def test_a_browser_keeps_what_is_still_so(client: TestClient, runs: Path) -> None:
    path = "/api/runs/tiny/bundle/labels.u8"
    answer = client.get(path)
    assert "no-store" not in answer.headers["cache-control"]
    known = {"If-None-Match": answer.headers["etag"]}
    again = client.get(path, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    file = runs / "tiny" / "explorer" / "labels.u8"
    file.write_bytes(answer.content[::-1])
    os.utime(file, (1, 1))
    assert client.get(path, headers=known).content == answer.content[::-1]


def test_the_run_to_begin_with(client: TestClient, runs: Path) -> None:
    def opened(**asked: str) -> str | None:
        return client.get("/api/opened", params=asked).json()["run"]

    assert opened(run="tiny") == "tiny"
    first = client.get("/api/runs").json()["runs"]
    assert opened() == next(row["id"] for row in first if row["obstacle"] is None)
    assert opened(run="../tiny") == opened(run="gone") == opened()
    for path in list(runs.iterdir()):
        shutil.rmtree(path)
    assert opened() is None


@pytest.mark.parametrize(
    "path",
    [
        "/api/runs/none/bundle/manifest.json",
        "/api/runs/..%2f..%2fetc/bundle/manifest.json",
        "/api/runs/%2e%2e/bundle/manifest.json",
        "/api/runs/tiny/bundle/..%2fconfig.yaml",
        "/api/runs/tiny/bundle/weights/9999.f16",
        "/api/runs/tiny/bundle/%2fetc%2fpasswd",
        "/api/runs/" + "ä" * 200 + "/bundle/manifest.json",
        "/api/runs/%00/bundle/manifest.json",
        "/api/runs/%ff/bundle/manifest.json",
    ],
)
def test_nothing_outside_is_read(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "root:" not in answer.text


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda bundle: (bundle / "manifest.json").write_text("{"), "cannot be read"),
        (lambda bundle: (bundle / "thumbs.png").unlink(), "thumbs.png is missing"),
        (lambda bundle: (bundle / "weights/0001.f16").write_bytes(b"12"), "fit the manifest"),
        (
            lambda bundle: (bundle / "manifest.json").write_text(
                json.dumps(json.loads((bundle / "manifest.json").read_text()) | {"version": 7})
            ),
            "version 7 of the format",
        ),
    ],
)
def test_a_damaged_bundle_says_what_to_do(
    client: TestClient, runs: Path, damage: Any, words: str
) -> None:
    damage(runs / "tiny" / "explorer")
    answer = client.get("/api/runs/tiny/bundle/manifest.json")
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert "delete" in answer.json()["error"]


def test_a_run_whose_data_is_gone_says_so(client: TestClient, runs: Path) -> None:
    config = runs / "tiny" / "config.yaml"
    settings = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump(settings | {"data": {"kind": "npz", "path": "gone.npz"}}))
    shutil.rmtree(runs / "tiny" / "explorer")
    answer = client.get("/api/runs/tiny/bundle/manifest.json")
    assert answer.status_code == 404
    assert "gone.npz" in answer.json()["error"]


def test_the_page_knows_that_it_has_a_server(client: TestClient) -> None:
    answer = client.get("/")
    assert 'data-source="server"' in answer.text
    assert client.get("/assets/style-1.css").text == "body { margin: 0 }"
    assert client.get("/assets/..%2f..%2fpage.py").status_code == 404


def test_exports_are_attachments(client: TestClient) -> None:
    one = client.post("/api/runs/tiny/export", json={"single_file": True})
    assert one.headers["content-disposition"] == 'attachment; filename="tiny.html"'
    assert 'data-source="inline"' in one.text
    site = client.post("/api/runs/tiny/export", json={})
    assert site.content[:2] == b"PK"
    assert client.post("/api/runs/none/export", json={}).status_code == 404


def test_an_export_is_no_address_that_a_page_elsewhere_could_open(client: TestClient) -> None:
    assert client.get("/api/runs/tiny/export").status_code == 405


def test_two_exports_are_made_at_once_and_the_next_is_told(
    runs: Path, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, end = threading.Barrier(3), threading.Event()

    def export(bundle: Any) -> str:
        begun.wait(60)
        end.wait(60)
        return "<html>"

    monkeypatch.setattr("vaelab.explorer.app.single_file", export)

    async def three() -> list[Any]:
        transport = httpx2.ASGITransport(Explorer(Library(runs), page).app())
        async with httpx2.AsyncClient(transport=transport, base_url="http://here") as client:

            def ask() -> Any:
                body = {"single_file": True}
                return asyncio.create_task(client.post("/api/runs/tiny/export", json=body))

            first = [ask(), ask()]
            await asyncio.to_thread(begun.wait, 60)
            third = await ask()
            end.set()
            return [await first[0], await first[1], third]

    answers = asyncio.run(three())
    assert [answer.status_code for answer in answers] == [200, 200, 409]
    assert "2 exports are being made" in answers[2].json()["error"]


def test_a_row_says_the_name_of_a_copy_and_who_else_writes_the_run(
    client: TestClient, runs: Path
) -> None:
    with RunLock(runs / "tiny", "training"):
        held = {row["id"]: row for row in client.get("/api/runs").json()["runs"]}["tiny"]
        assert held["writer"] is None  # this process is the server's own
        writer = json.loads((runs / "tiny" / ".writer.json").read_text())
        (runs / "tiny" / ".writer.json").write_text(json.dumps(writer | {"pid": os.getppid()}))
        held = {row["id"]: row for row in client.get("/api/runs").json()["runs"]}["tiny"]
        assert held["writer"]["pid"] == os.getppid()
        assert held["writer"]["what"] == "training"
        assert held["writer"]["here"]
    (runs / "tiny-2").mkdir()
    free = {row["id"]: row for row in client.get("/api/runs").json()["runs"]}["tiny"]
    assert free["writer"] is None
    assert free["copy"] == "tiny-3"


@pytest.mark.parametrize(
    ("there", "name", "unused"),
    [
        ([], "demo", "demo"),
        (["demo"], "demo", "demo-2"),
        (["demo", "demo-2"], "demo-2", "demo-3"),
        (["vae-16"], "vae-16", "vae-16-2"),
    ],
)
def test_names_that_are_free(tmp_path: Path, there: list[str], name: str, unused: str) -> None:
    for one in there:
        (tmp_path / one).mkdir()
    assert Library(tmp_path).unused(name) == unused


def test_choices_are_those_of_the_schema(runs: Path) -> None:
    found = choices(runs)
    axes = {axis["key"]: axis for axis in found["axes"]}
    for axis, base in (("likelihood", BaseLikelihood), ("prior", BasePrior)):
        offered = {option["value"] for option in axes[f"model.{axis}"]["options"]}
        assert offered == set(base.axis.kinds)

    assert [key for key, axis in axes.items() if not axis["restarts"]] == [
        "objective.beta", "training.optimizer.learning_rate",
    ]  # fmt: skip
    assert len(found["presets"]) == 6


@pytest.mark.parametrize("likelihood", ["categorical", "discretized_logistic"])
def test_levels_can_be_chosen_for_likelihoods_that_count_them(runs: Path, likelihood: str) -> None:
    data = {"kind": "digits", "pixels": {"kind": "levels"}}
    wished = {"data": data, "model.likelihood": likelihood}
    experiment = experiment_of("digits", wished, runs, "new")
    model = experiment.model.build((1, 8, 8), experiment.data.pixels.domain, 10)
    assert torch.isfinite(model.decode(torch.zeros(1, 2)).log_prob(torch.zeros(1, 1, 8, 8)))


@pytest.mark.parametrize("preset", range(6))
def test_every_preset_is_an_experiment(runs: Path, preset: int) -> None:
    one = choices(runs)["presets"][preset]
    experiment = experiment_of("digits", one["set"], runs, "new")
    shape, classes = experiment.data.image_spec()
    model = experiment.model.build(shape, experiment.data.pixels.domain, classes)
    assert model.latent == one["set"].get("model.latent", 2)
    assert experiment.objective.controls["beta"](0) == one["set"]["objective.beta"]


def test_black_and_white_digits_take_a_bernoulli(runs: Path) -> None:
    axes = {axis["key"]: axis for axis in choices(runs)["axes"]}
    options = {option["label"]: option["value"] for option in axes["data"]["options"]}
    wished = {"data": options["digits, binary pixels"], "model.likelihood": "bernoulli"}
    experiment = experiment_of("digits", wished, runs, "new")
    assert experiment.model.decoder.output_activation == "identity"
    experiment.model.build((1, 8, 8), experiment.data.pixels.domain, 10)


@pytest.mark.parametrize("encoder", ["mlp", "conv", "resnet"])
@pytest.mark.parametrize("likelihood", ["gaussian", "continuous_bernoulli"])
def test_networks_and_likelihoods_go_together(runs: Path, encoder: str, likelihood: str) -> None:
    wished = {"model.encoder": encoder, "model.likelihood": likelihood}
    experiment = experiment_of("digits", wished, runs, "new")
    assert experiment.model.encoder.kind == experiment.model.decoder.kind == encoder
    logits = experiment.model.decoder.output_activation == "identity"
    assert logits == (likelihood == "continuous_bernoulli")
    shape, classes = experiment.data.image_spec()
    experiment.model.build(shape, experiment.data.pixels.domain, classes)


@pytest.mark.parametrize("base", ["vq", "hierarchical"])
def test_what_is_offered_of_other_models_can_be_made(runs: Path, base: str) -> None:
    found = choices(runs)
    (like,) = (one for one in found["bases"] if one["name"] == base)
    both = {"model.prior", "model.condition", "objective.beta"}
    own = {"model.codes"} if base == "vq" else {"model.top.latent", *both}
    assert like["values"].keys() & {"model.codes", "model.top.latent", *both} == own
    data = {"kind": "mnist_3000", "pixels": {"kind": "unit"}}
    tried = 0
    for axis in found["axes"]:
        if axis["key"] not in like["values"] or axis["key"] == "data":
            continue
        options = [one["value"] for one in axis.get("options", [])] or [axis["minimum"]]
        for value in options:
            if value in ("bernoulli", "categorical", "discretized_logistic"):
                continue  # of other pixels
            wished = {"data": data, "model.likelihood": "gaussian", axis["key"]: value}
            if value in like["refused"].get(axis["key"], []):
                with pytest.raises(BadValueError, match="does not go with the model"):
                    experiment_of(base, wished, runs, "new")
                continue
            experiment = experiment_of(base, wished, runs, "new")
            experiment.model.build((1, 28, 28), experiment.data.pixels.domain, 10)
            tried += 1
    assert tried > 8


def test_a_decoder_that_is_the_mirror_has_the_range_of_the_data(runs: Path) -> None:
    levels = {"kind": "digits", "pixels": {"kind": "levels"}}
    wished = {"data": levels, "model.likelihood": "discretized_logistic"}
    model = experiment_of("vq", wished, runs, "new").model
    assert model.decoder.output_activation == "sigmoid"
    assert model.decoder.channels == (48, 24)


@pytest.mark.parametrize(
    ("base", "wished", "words"),
    [
        ("nothing", {}, "`nothing` is no shipped config"),
        ("iwae", {}, "can show and steer"),
        ("digits", {"output_train_dir": "../.."}, "cannot be chosen on the page"),
        ("digits", {"data.path": "/etc"}, "cannot be chosen"),
        ("digits", {"model.latent": 65}, "a number from 1 to 64 is needed, got 65"),
        ("digits", {"model.latent": 2.5}, "a whole number"),
        ("digits", {"model.latent": "2"}, "a number from 1 to 64"),
        ("digits", {"training.epochs": 1e9}, "a number from 1 to 10000"),
        ("digits", {"objective.beta": -1}, "a number from 0"),
        ("digits", {"model.likelihood": "poisson"}, "none of what can be chosen"),
        ("digits", {"data": {"kind": "npz", "path": "/etc/passwd"}}, "none of what can be chosen"),
    ],
)
def test_wishes_that_are_not_right(
    runs: Path, base: str, wished: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadValueError, match=words):
        experiment_of(base, wished, runs, "new")


@pytest.mark.parametrize(
    "values",
    [{"beta": -1}, {"beta": "4"}, {"beta": True}, {"learning_rate": 0}, {"pace": 99}, {"lr": 1},
     {"on_close": "explode"}, {"on_close": []}, {"stop_at": -3}, {"beta": float("nan")}],
)  # fmt: skip
def test_live_settings_that_are_not_right(values: dict[str, Any]) -> None:
    with pytest.raises(BadValueError):
        validate(Settings, values, "the request")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("command", {"do": "dance"}, 400),
        ("command", {"do": "pause"}, 409),
        ("command", {"do": "reset"}, 400),
        ("command", [], 400),
        ("command", {"do": ["pause"]}, 400),
        ("set", {"on_close": []}, 400),
        ("set", {"\ud800": 1}, 400),
        ("resume", {"run": "ä" * 200}, 404),
        ("resume", {"run": "\ud800"}, 400),
        ("resume", {"run": "a\0b"}, 404),
        ("reset", {"run": "none"}, 404),
        ("reset", {}, 400),
        ("start", {"base": "\ud800"}, 400),
        ("start", {"base": "digits", "name": {}, "set": {"model.latent": []}}, 400),
        ("set", {"beta": 2}, 409),
        ("set", {"beta": -2}, 400),
        ("resume", {"run": "none"}, 404),
        ("resume", {}, 400),
        ("start", {"base": "digits", "set": []}, 400),
        ("start", {"base": "digits", "set": {"model.likelihood": "bernoulli"}}, 400),
    ],
)
def test_requests_that_cannot_be_met(client: TestClient, path: str, body: Any, status: int) -> None:
    answer = client.post(f"/api/training/{path}", content=json.dumps(body))
    assert answer.status_code == status
    assert len(answer.json()["error"]) > 10


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff{",
        b"{" * 10,
        b"[" * 200_000,
        b'{"do":' * 50_000 + b"1" + b"}" * 50_000,
        b'{"do":' + b"[" * 16 + b"]" * 16 + b"}",
        b'{"do":' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_json_is_refused(client: TestClient, body: bytes) -> None:
    for path in ("command", "set", "start", "resume", "reset"):
        answer = client.post(f"/api/training/{path}", content=body)
        assert answer.status_code == 400
        assert len(answer.json()["error"]) < 200


def test_somebody_who_leaves_in_the_middle_of_a_request_leaves_no_trace(
    runs: Path, page: Path
) -> None:
    said: list[Any] = []

    async def leave() -> None:
        scope = {
            "type": "http", "method": "POST", "path": "/api/training/command", "headers": [],
            "query_string": b"", "root_path": "",
        }  # fmt: skip

        async def receive() -> Any:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            said.append(message)

        await Explorer(Library(runs), page).app()(scope, receive, send)

    asyncio.run(leave())
    assert said[0]["status"] == 400


def test_runs_to_compare_lie_in_one_folder(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "tiny", tmp_path / "a")
    shutil.copytree(runs / "tiny", tmp_path / "b")
    library = library_of(tmp_path / "b", tmp_path / "a")
    assert (library.opened, library.compared) == ("b", ("b", "a"))
    for others, words in (
        ([tmp_path / "none"], "there is no run in .*none"),
        ([runs / "tiny"], "lie in one folder, but"),
        ([tmp_path / "a"], "2 runs to compare; give two to four different ones"),
    ):
        with pytest.raises(UserError, match=words):
            library_of(tmp_path / "a", *others)


def test_a_run_or_a_folder_of_runs_can_be_opened(runs: Path, tmp_path: Path) -> None:
    for library in (library_of(runs / "tiny"), library_of(Path("tiny"), runs=runs)):
        assert (library.folder, library.opened, library.compared) == (runs, "tiny", ())
    for library in (library_of(runs), library_of(runs=runs)):
        assert (library.folder, library.opened) == (runs, None)
    with pytest.raises(MissingFileError, match="did you mean `tiny`"):
        library_of(Path("tyny"), runs=runs)
    with pytest.raises(BadValueError):
        library_of(runs / "broken")
