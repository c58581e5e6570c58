"""Shards behind addresses."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from shardfiles import CPU, files, load, tar, whole

from vaelab.data import DigitsData, ShardsData
from vaelab.data.loading import training_batches
from vaelab.data.loading.batches import RankShare
from vaelab.data.loading.shards import deal
from vaelab.data.shards.opening import expand
from vaelab.data.shards.write import write_shards
from vaelab.errors import BadValueError, MissingFileError, StorageError, UserError
from vaelab.randomness import Purpose, derived_seed


class Quiet(SimpleHTTPRequestHandler):
    """A server that fails at first, as often as its class says, and logs nothing."""

    failures = 0
    lost = 0
    """Times that a HEAD is not answered."""
    secretive = False
    """Whether every HEAD is refused."""
    slow = "no shard"
    """What takes some seconds to send."""
    sent = 0
    """Times it was sent to the end."""

    def log_message(self, *given: object) -> None:
        pass

    def do_GET(self) -> None:
        if Quiet.failures > 0 and ".tar" in self.path:
            Quiet.failures -= 1
            self.send_response(200)
            self.send_header("Content-Length", "99999")
            self.end_headers()
            self.wfile.write(b"broken off")
        elif Quiet.slow in self.path:
            self.send_response(200)
            self.send_header("Content-Length", "999999999")
            self.end_headers()
            with suppress(OSError):
                for _ in range(3000):
                    self.wfile.write(bytes(2**14))
                    time.sleep(0.001)
                Quiet.sent += 1
        else:
            super().do_GET()

    def do_HEAD(self) -> None:
        if Quiet.secretive:
            self.send_error(403)
        elif Quiet.lost > 0:
            Quiet.lost -= 1
            self.close_connection = True
        else:
            super().do_HEAD()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaelab.data.shards.opening.PAUSE", 0)
    for name in ("failures", "lost", "secretive", "slow", "sent"):
        monkeypatch.setattr(Quiet, name, getattr(Quiet, name))


@pytest.mark.usefixtures("impatient")
def test_shards_from_a_server(shards: Path) -> None:
    at_home = load(shards)
    with served(shards) as address:
        far = {
            "train": f"{address}/train-{{000000..000005}}.tar?key=secret",
            "valid": f"{address}/valid-000000.tar",
            "test": f"{address}/test-00000{{0,1}}.tar",
        }
        Quiet.failures = 2
        store = ShardsData.model_validate(far).load()
        assert store.checksum == at_home.checksum
        assert whole(store, 16, 2) == whole(at_home, 16, 2)
        Quiet.failures = 100
        with pytest.raises(
            MissingFileError, match=r"train-00000\d\.tar: .* \(asked 3 times\)"
        ) as e:
            whole(store, 16, 1)
        assert "secret" not in str(e.value)
        Quiet.failures = 0
        with pytest.raises(MissingFileError, match=r"train-9\.tar: answered 404"):
            ShardsData(train=f"{address}/train-9.tar").load()


def far(address: str, **keys: object) -> ShardsData:
    return ShardsData.model_validate({"train": f"{address}/train-{{000000..000005}}.tar", **keys})


@pytest.mark.usefixtures("impatient")
def test_a_question_that_is_lost_costs_no_shard(shards: Path) -> None:
    Quiet.lost = 1
    with served(shards) as address:
        assert sum(map(len, far(address, damaged="skip").load().splits.values())) == 200
    assert Quiet.lost == 0


@pytest.mark.usefixtures("impatient")
def test_shards_of_which_nothing_is_told_are_read_at_every_start(shards: Path) -> None:
    Quiet.secretive = True
    with served(shards) as address:
        store = far(address).load()
        tar(shards / "train-000001.tar", files([230]))
        with pytest.raises(MissingFileError, match=r"000001\.tar: its content has changed since"):
            whole(store, 16, 1)
        assert any(230 in batch for batch in whole(far(address).load(), 16, 1))


@pytest.mark.usefixtures("impatient")
def test_no_password_is_told_and_no_damage_where_there_is_none(shards: Path) -> None:
    lost = "http://user:hunter2@127.0.0.1:1/a.tar?X-Signature=SECRET"
    with served(shards) as address:
        host = address.removeprefix("http://")
        sources = [
            ShardsData(train=lost),
            ShardsData(train=f"{address}/train-000000.tar", test=lost),
            ShardsData(train=f"http://user:hunter2@{host}/train-9.tar?X-Signature=SECRET"),
            ShardsData(train="http://user:hunter2@:port/a.tar?X-Signature=SECRET"),
        ]
        for source in sources:
            with pytest.raises(UserError) as caught:
                source.load()
            for word in ("hunter2", "SECRET", "copy the shard"):
                assert word not in str(caught.value)


@pytest.mark.usefixtures("impatient")
def test_an_epoch_that_ends_early_waits_for_no_shard(shards: Path) -> None:
    with served(shards) as address:
        store = far(address, streams=1, buffer=1).load()
        assert store.stream is not None
        (order,) = deal(len(store.stream.shards), 1, derived_seed(0, Purpose.ORDER, 0))
        Quiet.slow = f"train-{order[1]:06d}"
        with closing(training_batches(store, 1, CPU, RankShare()).epoch(0, 0)) as parts:
            next(parts)
    assert Quiet.sent == 0


def test_no_place_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(StorageError, match=r"temporary files .*set TMPDIR to a folder"):
        ShardsData(train="http://127.0.0.1:1/a.tar").load()


def test_a_cache_that_cannot_be_written_costs_time_only(shards: Path, own_cache: Path) -> None:
    own_cache.write_text("no folder")
    assert load(shards).training_images == 200


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_a_folder_on_a_server_is_known_by_its_index(tmp_path: Path) -> None:
    write_shards(DigitsData(), tmp_path / "out", samples=100)
    with served(tmp_path) as address:
        store = load(f"{address}/out")
        assert store.checksum == load(tmp_path / "out").checksum
        assert sum(len(batch) for batch in whole(store, 64, 1)) == 1294
        with pytest.raises(MissingFileError, match=r"has no index\.json.*train-{000\.\.099}"):
            load(address)
        shard = tmp_path / "out" / "train-000003.tar"
        shard.write_bytes(shard.read_bytes()[::-1])
        with pytest.raises(MissingFileError, match=r"train-000003\.tar: its content has changed"):
            whole(store, 64, 1)


def test_brackets_in_the_name_of_a_folder(tmp_path: Path) -> None:
    shard = tar(tmp_path / "b[1]" / "a-0.tar", files([1]))
    assert expand(str(shard)) == expand(str(shard.parent)) == [str(shard)]


def test_patterns(tmp_path: Path) -> None:
    for name in ("a-2.tar", "a-10.tar", "b-1.tar"):
        (tmp_path / name).touch()
    here = f"{tmp_path}/"
    assert expand(f"{here}a-{{08..10}}.tar") == [
        f"{here}a-08.tar", f"{here}a-09.tar", f"{here}a-10.tar"
    ]  # fmt: skip
    assert expand(f"{here}{{a,b}}-{{1,2}}.tar")[1:3] == [f"{here}a-2.tar", f"{here}b-1.tar"]
    assert expand(f"{here}a-*.tar") == [f"{here}a-2.tar", f"{here}a-10.tar"]
    assert len(expand(here)) == 3
    assert expand("https://host/{0..1}.tar?key=*") == [
        "https://host/0.tar?key=*", "https://host/1.tar?key=*"
    ]  # fmt: skip
    for braces in ("{0..9", "{" * 2000 + "}" * 2000):
        with pytest.raises(BadValueError, match="these braces cannot be expanded"):
            expand(f"a-{braces}.tar")
    with pytest.raises(BadValueError, match="more than 100,000"):
        expand("{0..9999}-{0..9999}.tar")
    with pytest.raises(BadValueError, match="more than 100,000"):
        expand(f"{{{'9' * 5000}..1}}.tar")
    with pytest.raises(BadValueError, match="names a shard twice"):
        expand("{a,a}.tar")
    with pytest.raises(MissingFileError, match="vaelab data shard"):
        expand(f"{here}c-*.tar")
