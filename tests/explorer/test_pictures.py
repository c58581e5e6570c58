"""A folder of pictures sent by the page: taken whole or not at all, looked at, trained on."""

import asyncio
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import yaml
from anyio.to_thread import run_sync
from PIL import Image
from starlette.testclient import TestClient

from tests.conftest import Answer
from vaelab.errors import UserError
from vaelab.experiment import Experiment
from vaelab.explorer.app import Explorer
from vaelab.explorer.dropping import PART_BYTES
from vaelab.explorer.library import Library
from vaelab.explorer.pictures import (
    MAX_FILES,
    PICTURES,
    Pictures,
    remove_left_over_pictures,
    unpack,
)
from vaelab.explorer.requests import NotNowError
from vaelab.recipe import suggest
from vaelab.runs.run import Run
from vaelab.runs.runfiles import find_runs

TAR = {"Content-Type": "application/x-tar"}
Files = dict[str, bytes]


def picture(seed: int, side: int = 12) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def flowers(each: int = 12) -> Files:
    return {
        f"my flowers/{kind}/of the garden/{n} ä.png": picture(100 * k + n)
        for k, kind in enumerate(("rose", "tulip"))
        for n in range(each)
    }


def member(name: str, content: bytes = b"x", **about: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in about.items():
        setattr(info, key, value)
    return info, content


def tar(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def packed(files: Files) -> bytes:
    return tar(*(member(name, content) for name, content in files.items()))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def explorer(runs: Path, page: Path) -> Explorer:
    return Explorer(Library(runs), page)


@pytest.fixture
def client(explorer: Explorer) -> Iterator[TestClient]:
    yield TestClient(explorer.app())
    asyncio.run(explorer.dropping.end())


def send(client: TestClient, content: bytes, files: object) -> Any:
    return client.post(f"/api/pictures?files={files}", content=content, headers=TAR)


def sent(client: TestClient, files: Files) -> str:
    answer = send(client, packed(files), len(files))
    assert answer.status_code == 200, answer.text
    return answer.json()["pictures"]


def left(runs: Path) -> list[str]:
    return sorted(str(path.relative_to(runs)) for path in runs.rglob("*") if path.is_file())


def test_a_folder_is_there_whole_and_is_no_run(client: TestClient, runs: Path) -> None:
    files = flowers()
    long = "my flowers/rose/" + 4 * f"{'ä' * 60}/" + "long.png"
    files[long] = picture(7)
    name = sent(client, files)
    assert name == "my_flowers"
    for path, content in files.items():
        assert (runs / PICTURES / name / path.partition("/")[2]).read_bytes() == content
    assert left(runs / PICTURES / name) == sorted(path.partition("/")[2] for path in files)
    assert find_runs(runs) == []
    assert client.get("/api/runs").json()["runs"] == []


def test_what_is_found_is_what_the_command_finds(
    client: TestClient, runs: Path, tmp_path: Path
) -> None:
    files = flowers() | {"my flowers/rose/notes.txt": b"mine"}
    name = sent(client, files)
    found = client.post("/api/pictures/look", json={"pictures": name}).json()
    assert (found["images"], found["shape"]) == (24, [1, 12, 12])
    assert found["classes"] == [["rose", 12], ["tulip", 12]]
    assert found["notes"] == ["my_flowers: a file that is no picture is ignored: rose/notes.txt"]
    elsewhere = tmp_path / "my_flowers"
    shutil.copytree(runs / PICTURES / name, elsewhere)
    there = found["recipe"].replace(str(runs / PICTURES / name), str(elsewhere))
    assert there == suggest(elsewhere)


WRONG: dict[str, tuple[bytes, object, str]] = {
    "nothing": (b"", 1, "no tar"),
    "no tar": (b"x" * 5000, 1, "no tar"),
    "no file": (tar(), 0, "1 to 50,000 files"),
    "too many": (b"", MAX_FILES + 1, "vaelab train FOLDER"),
    "no number": (b"", "-1", "how many files"),
    "fewer than said": (packed({"a/1.png": b"x"}), 2, "1 files have come of 2"),
    "up": (tar(member("a/../../b.png")), 1, "no name"),
    "from the root": (tar(member("/etc/b.png")), 1, "no name"),
    "here": (tar(member("a/./b.png")), 1, "no name"),
    "of Windows": (tar(member("a/..\\..\\b.png")), 1, "no name"),
    "control": (tar(member("a/b\n.png")), 1, "no name"),
    "no folder": (tar(member("b.png")), 1, "no name"),
    "too deep": (tar(member("a/" * 40 + "b.png")), 1, "no name"),
    "too long": (tar(member(f"a/{'ä' * 130}.png")), 1, "no name"),
    "two folders": (tar(member("a/1.png"), member("b/1.png")), 2, "one folder"),
    "twice": (tar(member("a/1.png"), member("a/1.png")), 2, "twice"),
    "file and folder": (tar(member("a/1"), member("a/1/2.png")), 2, "twice"),
    "symbolic link": (
        tar(member("a/1.png", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd")), 1, "no file"),
    "hard link": (
        tar(member("a/0.png"), member("a/1.png", b"", type=tarfile.LNKTYPE, linkname="a/0.png")),
        2, "no file"),
    "device": (tar(member("a/null", b"", type=tarfile.CHRTYPE)), 1, "no file"),
    "pipe": (tar(member("a/pipe", b"", type=tarfile.FIFOTYPE)), 1, "no file"),
    "folder": (tar(member("a/b", b"", type=tarfile.DIRTYPE)), 1, "no file"),
    "holes": (
        tar(member("a/1.png", b"", pax_headers={
            "GNU.sparse.major": "0", "GNU.sparse.map": "0,0", "GNU.sparse.size": str(10**15)})),
        1, "no file"),
    "no UTF-8": (
        tar(member("a/\udcff.png"), form=tarfile.USTAR_FORMAT), 1, "no tar"),
    "cut short": (packed(flowers())[:9000], 24, ""),
    "spoiled": (packed({"a/1.png": b"x"})[:1024] + b"x" * 1024, 2, "1 files have come of 2"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_a_line_and_leaves_nothing(
    client: TestClient, runs: Path, tmp_path: Path, name: str
) -> None:
    content, files, words = WRONG[name]
    answer = send(client, content, files)
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert not list(runs.glob("*/*"))
    assert not list(tmp_path.rglob("b*.png"))


def damaged(files: Files) -> Files:
    return files | {"my flowers/rose/film.mp4": b"\0" * 500}


UNFIT: dict[str, tuple[Files, str]] = {
    "one picture": ({"a/1.png": picture(1)}, "both training and test need at least one"),
    "no picture": ({"a/notes.txt": b"x"}, "there are no images in this folder"),
    "files and folders": ({"a/1.png": picture(1), "a/b/2.png": picture(2)}, "holds both folders"),
    "all damaged": ({"a/1.png": b"x", "a/2.png": b"y"}, "cannot be read"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_what_cannot_be_trained_on_is_a_line_and_leaves_nothing(
    client: TestClient, runs: Path, name: str
) -> None:
    files, words = UNFIT[name]
    pictures = sent(client, files)
    answer = client.post("/api/pictures/look", json={"pictures": pictures, "skip": True})
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert str(runs) not in answer.json()["error"]
    assert not list((runs / PICTURES).iterdir())
    assert client.post("/api/pictures/train", json={"pictures": pictures}).status_code == 404


def test_a_file_that_cannot_be_read_is_named_and_may_be_left_out(client: TestClient) -> None:
    name = sent(client, damaged(flowers()))
    words = client.post("/api/pictures/look", json={"pictures": name}).json()["damaged"]
    assert words.startswith("my_flowers/rose/film.mp4: this is no PNG")
    assert client.post("/api/pictures/train", json={"pictures": name}).status_code == 409
    found = client.post("/api/pictures/look", json={"pictures": name, "skip": True}).json()
    assert found["images"] == 24
    assert yaml.safe_load(found["recipe"])["data"]["damaged"] == "skip"
    assert any("1 of 25 files cannot be read and are left out" in note for note in found["notes"])


def test_what_is_cancelled_or_waits_when_another_comes_is_removed(
    client: TestClient, runs: Path
) -> None:
    name = sent(client, flowers())
    assert client.post("/api/pictures/forget", json={"pictures": name}).status_code == 200
    assert not list((runs / PICTURES).iterdir())
    sent(client, flowers())
    assert sent(client, {"other/1.png": b"x"}) == "other"
    assert [path.name for path in (runs / PICTURES).glob("[!.]*")] == ["other"]
    (runs / PICTURES / "mine").mkdir()
    assert sent(client, {"mine/1.png": b"x"}) == "mine-2"


def put(runs: Path, content: io.RawIOBase) -> Pictures:
    return unpack(runs, io.BufferedReader(content), 1)


def test_what_a_killed_server_leaves_is_told_from_what_runs_have(runs: Path) -> None:
    """Also where the name is as long as can be."""
    content = tar(member(f"{'a' * 200}/1.png"))
    (kept := put(runs, io.BytesIO(content))).keep()
    left_over = put(runs, io.BytesIO(content))
    (mark,) = (runs / PICTURES).glob(".*")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    mark.rename(mark.with_name(mark.name.replace(f"-{os.getpid()}.", f"-{ended.pid}.")))
    remove_left_over_pictures(runs)
    assert kept.path.is_dir()
    assert not left_over.path.exists()
    assert [*(runs / PICTURES).iterdir()] == [kept.path]


@pytest.mark.parametrize("whole", [False, True])
def test_what_another_server_took_meanwhile_under_the_same_name_stays(
    runs: Path, whole: bool
) -> None:
    class Sent(io.BytesIO):
        def readinto(self, room: Any) -> int:
            if self.tell():
                (runs / PICTURES / "a").mkdir(exist_ok=True)
                (runs / PICTURES / "a" / "theirs.png").touch()
            return super().readinto(room)

    content = tar(member("a/1.png", bytes(2**22)))
    with pytest.raises(UserError):
        put(runs, Sent(content if whole else content[: 2**21]))
    assert left(runs) == [f"{PICTURES}/a/theirs.png"]
    assert not list((runs / PICTURES).glob(".*"))


@pytest.mark.parametrize("has_come", [False, True])
def test_what_comes_back_from_a_training_when_another_folder_is_sent_is_removed(
    client: TestClient,
    explorer: Explorer,
    runs: Path,
    monkeypatch: pytest.MonkeyPatch,
    has_come: bool,
) -> None:
    begins, fail = threading.Event(), threading.Event()

    async def begin(*_: object, **__: object) -> None:
        begins.set()
        await run_sync(fail.wait, 60)
        raise NotNowError("stopped before it began")

    monkeypatch.setattr(explorer.job, "begin", begin)
    pictures = {"pictures": sent(client, flowers())}
    client.post("/api/pictures/look", json=pictures)
    about = {"url": "/api/pictures/train", "json": pictures}
    training = threading.Thread(target=client.post, kwargs=about)

    def slowly(*given: Any) -> Pictures:
        taken = unpack(*given)
        if not has_come:
            fail.set()
            training.join()
        return taken

    monkeypatch.setattr("vaelab.explorer.dropping.unpack", slowly)
    training.start()
    assert begins.wait(60)
    assert sent(client, {"other/1.png": b"x"}) == "other"
    fail.set()
    training.join()
    assert left(runs) == [f"{PICTURES}/other/1.png"]
    assert not list((runs / PICTURES).glob(".my_flowers*"))


@pytest.mark.parametrize("name", ["2024", "1.5", "no", "null"])
def test_a_folder_may_be_called_what_yaml_takes_for_something_else(
    client: TestClient, explorer: Explorer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    async def begin(experiment: Experiment, *_: object, **__: object) -> None:
        begun.append(experiment.task_name)

    monkeypatch.setattr(explorer.job, "begin", begin)
    files = {f"{name}/{number}.png": picture(number) for number in range(20)}
    pictures = {"pictures": sent(client, files)}
    client.post("/api/pictures/look", json=pictures)
    answer = client.post("/api/pictures/train", json=pictures)
    assert answer.status_code == 200, answer.text
    assert begun == [Path(name).stem]


def test_a_folder_that_leads_elsewhere_is_not_used(client: TestClient, runs: Path) -> None:
    runs.mkdir()
    (runs.parent / "elsewhere").mkdir()
    (runs / PICTURES).symlink_to(runs.parent / "elsewhere")
    assert "symbolic link" in send(client, packed(flowers()), 24).json()["error"]
    assert not any((runs.parent / "elsewhere").iterdir())


def test_a_full_disk_is_a_line_and_leaves_nothing(
    client: TestClient, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vaelab.explorer.pictures.shutil.copyfileobj", full)
    assert "No space left" in send(client, packed(flowers()), 24).json()["error"]
    assert not list((runs / PICTURES).iterdir())


class Server:
    """`vaelab explore` as a process, and a client that it lets in."""

    def __init__(self, runs: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vaelab", "explore", str(runs), "--no-browser"],
            stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        address = self.process.stdout.readline().split()[-1]
        self.base = address.split("/?")[0]
        self.port = int(self.base.rpartition(":")[2])
        self.client = httpx.Client(base_url=self.base, timeout=120)
        answer = self.client.get(address)
        self.client.headers["X-Vaelab"] = answer.headers["location"].partition("key=")[2]

    def head(self, length: int) -> bytes:
        """A request that promises so many bytes."""
        request = self.client.build_request("POST", "/api/pictures?files=24", headers=TAR)
        told = {**request.headers, "content-length": str(length)}
        lines = [f"{key}: {value}" for key, value in told.items()]
        return "\r\n".join(["POST /api/pictures?files=24 HTTP/1.1", *lines, "", ""]).encode()

    def end(self, how: signal.Signals = signal.SIGINT) -> None:
        self.process.send_signal(how)
        self.said = self.process.communicate(timeout=60)[0]
        self.client.close()


@pytest.fixture
def serve(runs: Path) -> Iterator[Callable[[], Server]]:
    """Starts servers, which are ended however the test ends."""
    started: list[Server] = []

    def start() -> Server:
        started.append(Server(runs))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.end(signal.SIGKILL)


def wait_until(is_so: Callable[[], bool], seconds: float = 60) -> None:
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < seconds
        time.sleep(0.05)


@pytest.fixture
def folder(runs: Path) -> Path:
    runs.mkdir()
    return runs / PICTURES


@pytest.mark.slow
def test_a_run_on_a_folder_is_steered_resumed_and_kept(
    runs: Path, folder: Path, serve: Callable[[], Server], vaelab: Callable[..., Answer]
) -> None:
    server = serve()
    client, content = server.client, packed(flowers())
    for kind in ("application/json", "text/plain"):
        headers = {"Content-Type": kind}
        wrong = client.post("/api/pictures?files=24", content=content, headers=headers)
        assert wrong.status_code == 415
    named = client.post("/api/pictures?files=24", content=content, headers=TAR).json()
    client.post("/api/pictures/look", json=named)
    begun = client.post("/api/pictures/train", json=named)
    assert begun.json() == {"run": "my_flowers"}
    run = runs / "my_flowers"
    wait_until(lambda: (run / "metrics.jsonl").is_file())
    assert client.post("/api/training/set", json={"beta": 2.5}).status_code == 200
    wait_until(lambda: "beta: 2.5" in (run / "config.yaml").read_text())
    server.end()
    assert f"my_flowers was saved; to go on: vaelab train {run} --resume\n" in server.said
    assert Run(run).experiment.data.path == folder / "my_flowers"
    assert [path.name for path in folder.iterdir()] == ["my_flowers"]
    answer = vaelab("train", run, "--resume", "training.max_minutes=0.001")
    assert answer.code == 0, answer.err


@pytest.mark.slow
@pytest.mark.parametrize("killed", [False, True])
def test_nothing_half_written_stays(
    folder: Path, serve: Callable[[], Server], killed: bool
) -> None:
    server, content = (
        serve(),
        packed(flowers() | {"my flowers/rose/long.png": bytes(3 * PART_BYTES)}),
    )
    with socket.create_connection(("127.0.0.1", server.port)) as one:
        one.sendall(server.head(len(content)) + content[: 2 * PART_BYTES])
        wait_until(lambda: any(folder.rglob("*.png")))
        if killed:
            server.end(signal.SIGKILL)
            assert any(folder.rglob("*.png"))
            serve()
    wait_until(lambda: not any(folder.iterdir()))  # else the page has gone


@pytest.mark.slow
def test_what_no_run_is_trained_on_goes_with_the_server(
    folder: Path, serve: Callable[[], Server]
) -> None:
    server, content = serve(), packed(flowers())
    assert server.client.post("/api/pictures?files=24", content=content, headers=TAR).is_success
    assert any(folder.iterdir())
    server.end()
    assert not any(folder.iterdir())
