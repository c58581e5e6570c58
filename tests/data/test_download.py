import gzip
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from vaelab.data import MnistData
from vaelab.data.download import Remote, download
from vaelab.data.sources.mnist import find_idx
from vaelab.errors import MissingFileError, StorageError

CONTENT = np.random.default_rng(0).bytes(200_000)
SERVED = gzip.compress(CONTENT)
REMOTE = Remote("file", hashlib.sha256(CONTENT).hexdigest())


class Mirror(BaseHTTPRequestHandler):
    """Serves the file well under /good/, and in the way it is called under any other name."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        manner = self.path.split("/")[1]
        if manner == "flaky":
            manner = "truncated" if self.asked.count(self.path) == 1 else "good"
        if manner == "missing":
            self.send_error(404)
        elif manner == "failing":
            self.send_error(503)
        elif manner == "refusing":
            self.connection.close()
        elif manner == "silent":
            self.server.silence.wait(10)  # type: ignore[attr-defined]
        else:
            self.send_content(manner)

    def send_content(self, manner: str) -> None:
        files = self.server.files  # type: ignore[attr-defined]
        content = {
            "corrupt": SERVED[:1000] + b"?" + SERVED[1001:],
            "other": gzip.compress(b"something else"),
            "page": b"<html>Please log in to the school's network.</html>",
            "short": SERVED[:-100],
        }.get(manner) or files[self.path.split("/")[2]]
        self.send_response(200)
        if manner != "endless":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:1000] if manner == "truncated" else content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    class Handler(Mirror):
        asked: list[str] = []  # noqa: RUF012

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.silence = threading.Event()  # type: ignore[attr-defined]
    server.files = {"file.gz": SERVED}  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.silence.set()  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def address(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


def asked(server: ThreadingHTTPServer) -> list[str]:
    return server.RequestHandlerClass.asked  # type: ignore[attr-defined, no-any-return]


BAD = ["missing", "failing", "refusing", "truncated", "short", "corrupt", "other", "page"]


@pytest.mark.parametrize("manner", ["good", "endless", "flaky"])
def test_a_good_mirror(tmp_path: Path, address: str, manner: str) -> None:
    download([REMOTE], [f"{address}/{manner}/"], tmp_path / "new")
    assert gzip.decompress((tmp_path / "new" / "file.gz").read_bytes()) == CONTENT
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file.gz"]


def test_what_is_there_is_not_asked_for(
    tmp_path: Path, address: str, server: ThreadingHTTPServer
) -> None:
    download([REMOTE], [f"{address}/good"], tmp_path)
    download([REMOTE], [f"{address}/good"], tmp_path)
    assert asked(server) == ["/good/file.gz"]


@pytest.mark.parametrize("manner", BAD)
def test_the_next_mirror_is_tried(tmp_path: Path, address: str, manner: str) -> None:
    download([REMOTE], [f"{address}/{manner}", f"{address}/good"], tmp_path)
    assert gzip.decompress((tmp_path / "file.gz").read_bytes()) == CONTENT


@pytest.mark.parametrize("manner", BAD)
def test_nothing_bad_is_ever_kept(
    tmp_path: Path, address: str, server: ThreadingHTTPServer, manner: str
) -> None:
    with pytest.raises(MissingFileError):
        download([REMOTE], [f"{address}/{manner}"], tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert asked(server) == [f"/{manner}/file.gz"] * 2


def test_when_all_fail_the_error_says_what_each_did(tmp_path: Path, address: str) -> None:
    closed = "http://127.0.0.1:1"
    mirrors = [*(f"{address}/{manner}" for manner in BAD), closed]
    with pytest.raises(MissingFileError) as caught:
        download([REMOTE], mirrors, tmp_path / "mnist")
    message = str(caught.value)
    assert f"{address}/missing/file.gz: answered 404" in message
    assert f"{address}/failing/file.gz: answered 503" in message
    assert f"{address}/truncated/file.gz: the transfer broke off" in message
    assert f"{address}/short/file.gz: sent no whole gzip file" in message
    assert f"{address}/page/file.gz: sent no whole gzip file" in message
    assert f"{address}/other/file.gz: sent other content: SHA-256" in message
    assert f"{closed}/file.gz: cannot be reached" in message
    assert "`vaelab data fetch mnist`" in message
    assert "data.path" in message


def test_a_silent_mirror_is_given_up(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vaelab.data.transfer.TIMEOUT", 0.1)
    with pytest.raises(MissingFileError, match=r"silent/file\.gz: no answer within 0\.1 seconds"):
        download([REMOTE], [f"{address}/silent"], tmp_path)


def test_a_checksum_of_the_file_as_served(tmp_path: Path, address: str) -> None:
    packed = Remote("file", hashlib.sha256(SERVED).hexdigest(), "gzip")
    download([packed], [f"{address}/other", f"{address}/good"], tmp_path)
    assert (tmp_path / "file.gz").read_bytes() == SERVED


def test_a_folder_that_cannot_be_written(tmp_path: Path, address: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match=r"cannot write .*VAELAB_CACHE"):
        download([REMOTE], [f"{address}/good"], tmp_path / "file")


def test_a_damaged_file_is_fetched_again(tmp_path: Path, address: str) -> None:
    (tmp_path / "file.gz").write_bytes(SERVED[:-1])
    download([REMOTE], [f"{address}/good"], tmp_path)
    assert (tmp_path / "file.gz").read_bytes() == SERVED


def test_mnist_is_downloaded_into_the_cache_and_then_taken_from_there(
    own_cache: Path,
    idx_folder: Path,
    server: ThreadingHTTPServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("VAELAB_MNIST", raising=False)
    files, names = [], []
    for remote in MnistData.files:
        path = find_idx(idx_folder, remote.name)
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        server.files[f"{remote.name}.gz"] = gzip.compress(content)  # type: ignore[attr-defined]
        files.append(Remote(remote.name, hashlib.sha256(content).hexdigest()))
        names.append(f"/good/{remote.name}.gz")
    monkeypatch.setattr(MnistData, "files", tuple(files))
    monkeypatch.setattr(
        MnistData, "mirrors", (f"http://127.0.0.1:{server.server_address[1]}/good",)
    )

    assert len(MnistData().load().test) == 10
    assert asked(server) == names
    assert len(MnistData().load().test) == 10
    assert MnistData().fetch() == own_cache / "downloads" / "mnist"
    assert asked(server) == names  # nothing was asked for again


def test_without_a_network_mnist_says_what_to_do(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VAELAB_MNIST", raising=False)
    monkeypatch.setattr(MnistData, "mirrors", (f"{address}/missing",))
    with pytest.raises(MissingFileError, match=r"vaelab data fetch mnist.*data\.path"):
        MnistData().load()
