"""What pages say through their sockets, and what they are told."""

import json
import shutil
from contextlib import ExitStack
from pathlib import Path
from threading import Timer
from time import monotonic
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from vaelab.explorer import frames
from vaelab.explorer.app import Explorer
from vaelab.explorer.job import PATIENCE
from vaelab.explorer.library import Library
from vaelab.explorer.live import MAX_PAGES
from vaelab.runs.run import Run


@pytest.fixture
def runs(trained: Run, tmp_path: Path) -> Path:
    shutil.copytree(trained.path, tmp_path / "runs" / "tiny")
    return tmp_path / "runs"


@pytest.fixture
def explorer(runs: Path, page: Path) -> Explorer:
    return Explorer(Library(runs), page)


@pytest.fixture
def client(explorer: Explorer) -> TestClient:
    return TestClient(explorer.app())


def heard(socket: Any, kind: str) -> dict[str, Any]:
    """The next message of a kind."""
    while (header := frames.unpack(socket.receive_bytes())[0])["type"] != kind:
        pass
    return header


def test_a_page_is_told_of_the_run_that_it_shows(client: TestClient, runs: Path) -> None:
    with client.websocket_connect("/api/live", ["vaelab", "vaelab-key.x"]) as socket:
        assert socket.accepted_subprotocol == "vaelab"  # and the key is not said again
        assert heard(socket, "state")["phase"] == "idle"
        socket.send_text('{"type": "watch", "run": "tiny", "step": 0}')
        told = heard(socket, "followed")
        assert told["rows"] == Run(runs / "tiny").metrics()
        with (runs / "tiny" / "metrics.jsonl").open("a") as file:
            file.write('{"step": 999, "epoch": 9, "split": "train"}\n')
        assert [row["step"] for row in heard(socket, "followed")["rows"]] == [999]
        socket.send_text('{"type": "watch", "run": null, "step": 0}')
        shutil.copytree(runs / "tiny", runs / "other")
        heard(socket, "runs")
        socket.send_text('{"type": "watch", "run": "other", "step": 999}')
        assert heard(socket, "followed")["run"] == "other"


@pytest.mark.parametrize(
    "said",
    [
        "", "[", "[]", "1", "null", "{}", '{"type": 1}', '{"type": "dance"}', '{"type": ["drawn"]}',
        '{"type": "watch"}', '{"type": "watch", "run": 1, "step": 0}',
        '{"type": "watch", "run": "tiny", "step": "x"}',
        '{"type": "watch", "run": "../tiny", "step": 0}',
        json.dumps({"type": "watch", "run": "ä" * 200, "step": 0}),
        json.dumps({"type": "watch", "run": "\ud800", "step": 0}),
        "[" * 5000, '{"type":' * 2000,
    ],
)  # fmt: skip
def test_nonsense_closes_a_socket_in_words(client: TestClient, said: str) -> None:
    with client.websocket_connect("/api/live") as socket:
        heard(socket, "state")
        socket.send_text(said)
        with pytest.raises(WebSocketDisconnect) as closed:
            heard(socket, "followed")
        assert closed.value.code == 1008
        assert closed.value.reason


def test_bytes_close_a_socket(client: TestClient) -> None:
    with client.websocket_connect("/api/live") as socket:
        heard(socket, "state")
        socket.send_bytes(b'{"type": "drawn"}')
        with pytest.raises(WebSocketDisconnect) as closed:
            heard(socket, "followed")
        assert closed.value.code == 1003


def test_too_many_pages_are_told(client: TestClient, explorer: Explorer) -> None:
    with client, ExitStack() as pages:
        for _ in range(MAX_PAGES):
            heard(pages.enter_context(client.websocket_connect("/api/live")), "state")
        with client.websocket_connect("/api/live") as socket:
            with pytest.raises(WebSocketDisconnect) as closed:
                heard(socket, "state")
            assert closed.value.code == 1013
            assert "pages are open" in closed.value.reason
    assert len(explorer.job.listeners) == 0


def test_the_files_of_a_run_that_is_being_begun_are_waited_for(
    explorer: Explorer, client: TestClient
) -> None:
    explorer.job.state |= {"run": "tiny", "phase": "starting"}
    begun = Timer(0.4, explorer.job.state.update, [{"phase": "paused"}])
    since = monotonic()
    begun.start()
    assert client.get("/api/runs/tiny/bundle/manifest.json").status_code == 200
    assert client.get("/api/opened?run=tiny").json()["run"] == "tiny"
    begun.join()
    assert 0.4 <= monotonic() - since < PATIENCE
    explorer.job.state |= {"run": "another", "phase": "starting"}
    assert client.get("/api/runs/tiny/bundle/labels.u8").status_code == 200
    assert monotonic() - since < PATIENCE
