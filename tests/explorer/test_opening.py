"""The browser is opened with nothing secret on its command line."""

import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vaelab.explorer import serve
from vaelab.runs.run import Run

ADDRESS = 'http://127.0.0.1:8008/?token=s3cret&x=<">'


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What the browser was told to open."""
    told: list[str] = []
    monkeypatch.setenv("VAELAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(serve, "SECONDS", 0.0)
    monkeypatch.setattr("webbrowser.open", told.append)
    return told


def wait_for(told: list[str]) -> None:
    end = time.monotonic() + 60
    while not told and time.monotonic() < end:
        time.sleep(0.01)


def test_a_file_that_only_its_user_can_read_leads_to_the_address(opened: list[str]) -> None:
    with serve.opened_in_browser(ADDRESS):
        wait_for(opened)
        (uri,) = opened
        assert uri.startswith("file://")
        assert "s3cret" not in uri
        path = Path(uri.removeprefix("file://"))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        page = path.read_text()
        assert 'url=http://127.0.0.1:8008/?token=s3cret&amp;x=&lt;&quot;&gt;">' in page
    assert not path.exists()


def test_files_of_servers_that_were_killed_are_removed(opened: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "explorer"
    folder.mkdir(parents=True)
    names = {"open-999999999-aa.html": False, f"open-{os.getpid()}-bb.html": True, "my.html": True}
    for name in names:
        (folder / name).write_text("")
    with serve.opened_in_browser(ADDRESS):
        wait_for(opened)
    assert {name: (folder / name).exists() for name in names} == names


def test_where_no_file_can_be_written_no_browser_is_opened(
    opened: list[str], tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("not a folder")
    with serve.opened_in_browser(ADDRESS):
        time.sleep(0.2)
    assert opened == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a script as browser, and signals")
def test_no_token_can_be_seen_by_other_users(trained: Run, tmp_path: Path) -> None:
    script = tmp_path / "browser"
    script.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/args\ncat "${{1#file://}}" > {tmp_path}/page\n'
    )
    script.chmod(0o755)
    environment = {
        **os.environ, "BROWSER": str(script), "VAELAB_CACHE": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "vaelab", "explore", str(trained.path)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
    )  # fmt: skip
    line = process.stdout.readline()
    token = re.search(r"token=(\S+)", line).group(1)
    end = time.monotonic() + 120
    while not (tmp_path / "page").is_file() or "token" not in (tmp_path / "page").read_text():
        assert time.monotonic() < end, process.stdout.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=180)[0]
    assert f"token={token}" in (tmp_path / "page").read_text()
    assert token not in (tmp_path / "args").read_text()
    assert not list((tmp_path / "cache" / "explorer").iterdir())
    assert "Traceback" not in said
