"""Addresses in a config are said before they are asked; those of files are refused."""

import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import Answer
from vaelab import addresses
from vaelab.data import ShardsData
from vaelab.errors import BadValueError, UserError
from vaelab.explorer.library import Library
from vaelab.loggers.mlflow import MLflowConfig
from vaelab.run import Run

ADDRESS = "http://somebody:password@127.0.0.1:9/shards"
SAID = "data comes from http://127.0.0.1:9, as the config says"


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> list[list[str]]:
    """What had been said at each request; none is answered."""
    addresses._tell.cache_clear()
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


def test_a_host_that_another_leads_to_is_said_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    led = iter(["http://169.254.169.254/latest", "file:///etc/passwd"])

    def request(method: str, address: str, **_: Any) -> requests.Response:
        answer = requests.Response()
        answer.status_code, answer.headers["Location"] = 302, next(led, address)
        answer.raw = BytesIO()
        return answer

    monkeypatch.setattr(requests, "request", request)
    with pytest.raises(UserError, match="leads"):
        ShardsData(path="http://127.0.0.1:9/a").load()
    assert ["127.0.0.1:9" in one for one in caplog.messages] == [True, False]
    assert "http://169.254.169.254" in caplog.messages[1]


@pytest.mark.parametrize(
    ("place", "words"),
    [("file:///etc/passwd.tar", "a file here"), ("local:///etc/passwd.tar", "a file here"),
     ("filecache::http://127.0.0.1/a.tar", "without `::`"),
     ("zip://a.tar::file:///home/x.zip", "without `::`")],
)  # fmt: skip
def test_addresses_of_files_and_chains_are_refused(place: str, words: str) -> None:
    with pytest.raises(BadValueError, match=words):
        ShardsData(train=place).load()


def test_a_tracker_is_an_address_too() -> None:
    assert MLflowConfig(tracking_uri="http://host:5000").address == "http://host:5000"
    assert MLflowConfig().address is None
