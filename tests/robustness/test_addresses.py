"""Addresses in a config are said before they are asked; those of files are refused."""

import shutil
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests
from pydantic import ValidationError

from tests.conftest import Answer
from vaelab import console
from vaelab.data import ShardsData
from vaelab.data.shards.opening import open_shard
from vaelab.errors import BadValueError, UserError
from vaelab.explorer.library import Library
from vaelab.loggers.mlflow import MLflowConfig
from vaelab.runs.run import Run

REQUEST = requests.request
OTHER = "http://127.0.0.1:1"
ADDRESS = "http://somebody:password@127.0.0.1:9/shards"
SAID = "data comes from http://127.0.0.1:9, as the config says"


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> list[list[str]]:
    """What had been said at each request; none is answered."""
    console._tell.cache_clear()
    said: list[list[str]] = []

    def request(method: str, address: str, **_: Any) -> None:
        said.append(list(caplog.messages))
        raise requests.ConnectionError("nobody is there")

    monkeypatch.setattr(requests, "request", request)
    monkeypatch.setattr("vaelab.data.shards.opening.PAUSE", 0)
    return said


@pytest.mark.parametrize(
    "words",
    [["evaluate", "runs/x"], ["figures", "runs/x"], ["doctor", "runs/x"], ["quality", "runs/x"],
     ["train", "runs/x", "--resume", "training.epochs=9"], ["export", "site", "runs/x", "site"],
     ["fit-prior", "runs/x"], ["describe", "runs/x"], ["data", "show", "runs/x"], "explore"],
    ids=str,
)  # fmt: skip
def test_a_host_is_said_before_it_is_asked(
    words: list[str] | str, trained: Run, tmp_path: Path, asked: list[list[str]],
    monkeypatch: pytest.MonkeyPatch, vaelab: Callable[..., Answer],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained.path, "runs/x")
    config = Path("runs/x/config.yaml")
    section = config.read_text().partition("data:")[2].partition("model:")[0]
    data = f"\n  kind: shards\n  path: {ADDRESS}\n"
    config.write_text(config.read_text().replace(section, data))
    shutil.rmtree("runs/x/explorer")
    if words == "explore":
        with pytest.raises(UserError):
            Library(Path("runs")).bundle("x")
    else:
        answer = vaelab(*words)
        assert answer.code == 2
        assert "password" not in answer.out + answer.err
    assert asked
    assert all(said == [SAID] for said in asked)


class Leading(BaseHTTPRequestHandler):
    """A server that leads elsewhere, first to another host, then to a file."""

    led = iter(["http://127.0.0.1:1/secret", "file:///etc/passwd"])

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", next(self.led))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_a_host_that_another_leads_to_is_said_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(requests, "request", REQUEST)
    monkeypatch.setattr("vaelab.data.shards.opening.ATTEMPTS", 1)
    with HTTPServer(("127.0.0.1", 0), Leading) as server:
        thread = Thread(target=lambda: [server.handle_request() for _ in range(2)])
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(UserError, match="cannot be reached"):
            ShardsData(path=f"{address}/a").load()
        said = [f"data comes from {host}, as the config says" for host in (address, OTHER)]
        assert caplog.messages == said
        with pytest.raises(UserError, match="one that its server leads to, is not valid"):
            ShardsData(path=f"{address}/a").load()
        thread.join()


@pytest.mark.parametrize(
    "place",
    ["file:///etc/passwd.tar", "local:///etc/passwd.tar", "filecache::http://127.0.0.1/a.tar",
     "zip://a.tar::file:///home/x.zip", "pipe:touch hacked", "PIPE:touch hacked", "s3://a/b.tar",
     "hf://a/b.tar", "scp://host/a.tar"],
)  # fmt: skip
def test_no_other_addresses_are_read(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for key in ("path", "train"):
        with pytest.raises(ValidationError, match="shards are read from files and from http://"):
            ShardsData.model_validate({key: place})
    with pytest.raises(BadValueError, match="shards are read from files and from http://"):
        open_shard(place)
    assert not any(tmp_path.iterdir())


def test_a_tracker_is_an_address_too() -> None:
    assert MLflowConfig(tracking_uri="http://host:5000").address == "http://host:5000"
    assert MLflowConfig().address is None
