"""Starting the explorer, and what can be wrong with that."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Answer
from tests.training.conftest import tiny
from vaelab.explorer import frames
from vaelab.explorer.callback import Inbox, PageCallback
from vaelab.explorer.export import page_folder
from vaelab.explorer.job import Job
from vaelab.explorer.listeners import MAX_WAITING_FRAMES, Listeners
from vaelab.runs.run import Run
from vaelab.training import train

Command = Callable[..., Answer]


def test_a_port_in_use_is_told(trained: Run, page: Path, vaelab: Command) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = vaelab("explore", trained.path, "--no-browser", "--port", port)
    assert answer.code == 2
    assert f"port {port} on 127.0.0.1 cannot be used" in answer.err
    assert "--port" in answer.err


@pytest.mark.parametrize(
    ("place", "words"),
    [("nowhere", "there is no run in"), ("broken", "not valid YAML")],
)
def test_what_cannot_be_opened_is_told(
    tmp_path: Path, page: Path, vaelab: Command, place: str, words: str
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.yaml").write_text("model: [")
    answer = vaelab("explore", tmp_path / place, "--no-browser")
    assert answer.code == 2
    assert words in answer.err


def test_a_page_that_is_not_built_is_told(
    tmp_path: Path, trained: Run, vaelab: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vaelab.explorer.export.__file__", str(tmp_path / "a" / "b" / "c.py"))
    with pytest.raises(FileNotFoundError, match="make page"):
        page_folder()


@pytest.mark.slow
def test_ctrl_c_ends_it_in_words_also_when_it_is_pressed_twice(trained: Run) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "vaelab", "explore", str(trained.path), "--no-browser"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert re.match(r"the explorer is at http://127.0.0.1:\d+/\?token=", process.stdout.readline())
    assert f"it shows {trained.path.name} and the other runs" in process.stdout.readline()
    time.sleep(0.5)  # it serves
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    said = process.communicate(timeout=180)[0]
    assert process.returncode == 0
    assert said.endswith("the explorer has ended\n")  # there was no training
    assert "Traceback" not in said


def test_frames_survive_a_pipe() -> None:
    async def through() -> bytes | None:
        stream = asyncio.StreamReader()
        message = frames.pack({"type": "snapshot", "text": "ä"}, b"\x00\x01")
        stream.feed_data(len(message).to_bytes(4, "little") + message)
        stream.feed_eof()
        whole = await frames.read(stream)
        assert await frames.read(stream) is None
        return whole

    message = asyncio.run(through())
    assert frames.unpack(message) == ({"type": "snapshot", "text": "ä"}, b"\x00\x01")


def test_wishes_are_taken_in_order() -> None:
    inbox = Inbox()
    inbox.listen(
        [
            '{"do": "train", "play": false}', '{"do": "step"}', '{"do": "step"}',
            '{"do": "set", "beta": 2, "pace": 0.5, "stop_at": 9}', '{"do": "set", "beta": 3}',
        ]
    )  # fmt: skip
    assert inbox.job() == {"do": "train", "play": False}
    assert inbox.job() is None
    assert (inbox.playing, inbox.allowance, inbox.may_step) == (False, 2, True)
    assert inbox.settings() == {"beta": 3}
    assert inbox.settings() == {}
    assert (inbox.pace, inbox.stop_at) == (0.5, 9)
    assert inbox.stopping == "stopped, since the explorer ended"
    assert not inbox.by_person


def test_a_new_training_begins_without_the_wishes_of_the_last() -> None:
    inbox = Inbox()
    inbox.listen(
        ['{"do": "train", "play": true}', '{"do": "set", "beta": 2, "pace": 0.5, "stop_at": 9}',
         '{"do": "step"}', '{"do": "stop"}', '{"do": "train", "play": false}']
    )  # fmt: skip
    assert (inbox.pace, inbox.stop_at, inbox.may_step) == (0.0, None, False)
    assert inbox.settings() == {}
    assert not inbox.by_person


def test_a_page_knows_the_best_step_between_steps_that_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vaelab.training.loop.MAX_LOST_SECONDS", 0.0)  # every epoch is saved
    inbox = Inbox()
    inbox.playing, inbox.stop_at = True, 50
    told: list[dict[str, Any]] = []

    def emit(message: bytes) -> None:
        header = frames.unpack(message)[0]
        told.append(header)
        if header.get("phase") == "paused":
            inbox.stopping = "seen"

    experiment = tiny("training.epochs=6", "explorer.keep=3")
    run = train(experiment, tmp_path, callbacks=[PageCallback(inbox, emit, True)]).run
    paused = next(place for place, one in enumerate(told) if one.get("phase") == "paused")
    kept = [one["steps"] for one in told[:paused] if one["type"] == "kept"][-1]
    about = run.about_weights()
    assert 0 < kept[-1]["step"] < about["step"] < 50
    assert [step["best"] for step in kept] == [step is kept[-1] for step in kept]
    assert kept[-1]["weights_epoch"] == about["epoch"]


def test_a_page_gets_the_newest_snapshot_once_it_has_drawn() -> None:
    async def play() -> list[bytes]:
        listeners = Listeners()
        first = listeners.add()
        for number in range(5):
            listeners.send("snapshot", bytes([number]))
        listeners.send("state", b"s")
        first.drawn()
        late = listeners.add()
        assert late.waiting.qsize() == 2
        heard = [first.waiting.get_nowait() for _ in range(first.waiting.qsize())]
        for _ in range(3 * MAX_WAITING_FRAMES):
            listeners.send("kept", b"k")  # a page that does not listen holds nothing up
        assert first.waiting.full()
        return heard

    assert asyncio.run(play()) == [b"\x00", b"s", b"\x04"]


def test_drawing_and_leaving_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, str]] = []

    async def play() -> None:
        job = Job(Listeners())

        async def ask(wish: dict[str, str]) -> None:
            told.append(wish)

        monkeypatch.setattr(job, "_ask", ask)
        job.state |= {"phase": "playing", "on_close": "pause"}
        one, other = job.listeners.add(), job.listeners.add()
        await job.drawn(one)
        await job.leave(one)
        await job.leave(other)

    asyncio.run(play())
    assert told == [{"do": "drawn"}, {"do": "drawn"}, {"do": "pause"}]


def test_the_page_folder_is_the_built_one() -> None:
    folder: Any = page_folder() if (Path("web/dist/index.html")).is_file() else None
    if folder is None:
        pytest.skip("the page is not built: `make page` does")
    assert (folder / "index.html").is_file()
