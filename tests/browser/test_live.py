"""Training from the page, with a real server and its real training process."""

import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.browser.conftest import Served, Tab, made
from vaelab.bundle import Bundle
from vaelab.bundle.graph import UnsupportedLayerError
from vaelab.bundle.whole import restore
from vaelab.models import FlatLatent
from vaelab.run import Run
from vaelab.tensorfile import read_tensors
from vaelab.training.checkpoint import read_progress

PLAYING = "vaelab.training && vaelab.training.phase === 'playing'"


def training_process(served: Served) -> int:
    """The child that trains, found among the server's children."""
    children = Path(f"/proc/{served.process.pid}/task").glob("*/children")
    pids = [int(pid) for path in children for pid in path.read_text().split()]
    return next(
        pid for pid in pids if b"training_process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )


def begin(tab: Tab) -> None:
    """A training that does not end by itself while a test looks at it."""
    tab.by("new-run").click()
    tab.by("axis-training.epochs").fill("5000")
    tab.by("run-name").fill("VAE")
    tab.by("start").click()


def test_train_watch_change_stop_and_repeat(served: Served, tab: Tab, tmp_path: Path) -> None:
    tab.open(served.address)
    begin(tab)
    tab.until("vaelab.run === 'VAE' && vaelab.index === null && vaelab.step > 0")
    first = tab.get("[vaelab.step, vaelab.loc(0), vaelab.loc(1)]")
    tab.until(f"vaelab.step > {first[0]} + 50")
    second = tab.get("[vaelab.step, vaelab.loc(0), vaelab.loc(1)]")
    assert second[1:] != first[1:]

    tab.by("play").click()
    tab.until("vaelab.training.phase === 'paused' && vaelab.step === vaelab.training.step")
    tab.by("beta").fill("3")
    tab.by("beta").press("Enter")
    tab.until("vaelab.training.beta === 3")
    step = tab.get("vaelab.step")
    tab.by("step-batch").click()
    tab.until(f"vaelab.step === {step + 1}")
    tab.by("step-epoch").click()
    tab.until("vaelab.training.phase === 'paused' && vaelab.step % 21 === 0")
    tab.page.mouse.move(*tab.at(0.5, 0.5))
    tab.until("vaelab.hovered !== null")
    tab.by("stop").click()
    tab.until("vaelab.training.phase === 'ended' && vaelab.view.step === 'last'")
    assert tab.get("vaelab.step") == tab.get("vaelab.training.step")

    run = Run(served.folder / "VAE")
    changes = run.experiment.training.changes
    assert [change.beta for change in changes] == [3.0, None]
    assert changes[-1].stop
    assert changes[-1].step == tab.get("vaelab.step")
    served.stop()
    again = subprocess.run(
        [sys.executable, "-m", "vaelab", "train", str(run.path), "task_name=again"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.experiment.training.threads == 1
    assert "as training.changes says" in again.stdout
    original = read_tensors(run.resume_path)[0]
    repeated = read_tensors(served.folder / "again" / "resume.safetensors")[0]
    assert all(original[name].equal(repeated[name]) for name in original)
    tab.until("vaelab.connected === false")
    tab.errors.clear()  # the browser tells of the lost connection


def test_another_training_takes_the_place_of_the_first(served: Served, tab: Tab) -> None:
    tab.open(served.address)
    begin(tab)
    tab.until("vaelab.run === 'VAE' && vaelab.step > 20")
    worker = training_process(served)
    tab.by("preset-collapsed").click()
    tab.until("vaelab.run === 'collapsed' && vaelab.training.beta === 100 && vaelab.step > 5")
    assert training_process(served) == worker  # what was imported is still there
    first = Run(served.folder / "VAE")
    assert first.experiment.training.changes[-1].stop
    assert read_progress(first.resume_path).step == first.experiment.training.changes[-1].step
    tab.by("play").click()
    tab.until("vaelab.training.phase === 'paused'")
    tab.by("reset").click()
    tab.until("vaelab.training.phase === 'paused' && vaelab.step === 0 && vaelab.index === null")
    tab.by("stop").click()
    tab.until("vaelab.training.phase === 'ended'")
    tab.page.evaluate("location.hash = '#v=1&run=VAE&step=0&z=1_2'")
    tab.until("vaelab.ready && vaelab.run === 'VAE' && vaelab.step === 0")
    assert tab.get("vaelab.view.z") == [1, 2]
    tab.page.evaluate("location.hash = '#v=1&run=gone'")
    tab.until("vaelab.problem !== null")
    assert "asks for the run “gone”, which is not here" in tab.by("problem").inner_text()
    assert tab.get("vaelab.run") == "VAE"


def test_without_a_run_the_page_says_what_to_do(tab: Tab, tmp_path: Path) -> None:
    served = Served(tmp_path)
    try:
        tab.page.goto(served.address)
        tab.until("Boolean(window.vaelab && vaelab.training)")
        assert "Press VAE on the left" in tab.by("welcome").inner_text()
        tab.by("preset-VAE").click()
        tab.until("vaelab.run === 'VAE' && vaelab.step > 0")
        assert tab.by("welcome").count() == 0
        tab.by("stop").click()
        tab.until("vaelab.training.phase === 'ended'")
    finally:
        tab.page.goto("about:blank")  # else it looks for the server, and tells of each failure
        served.stop()


def test_a_killed_training_is_told_and_goes_on(served: Served, tab: Tab) -> None:
    tab.open(served.address)
    begin(tab)
    tab.until("vaelab.run === 'VAE' && vaelab.step > 200")
    os.kill(training_process(served), signal.SIGKILL)
    tab.until("vaelab.training.phase === 'failed'")
    said = tab.by("problem").inner_text()
    assert "the training process was ended (code -9)" in said
    assert "--resume" in said
    tab.until("vaelab.run === 'VAE'")
    tab.by("play").click()
    tab.until(PLAYING)
    tab.by("stop").click()
    tab.until("vaelab.training.phase === 'ended'")


def test_a_server_that_comes_back_is_found_again(served: Served, tab: Tab) -> None:
    tab.open(served.address)
    served.stop()
    tab.until("vaelab.connected === false")
    assert "connection lost" in tab.page.inner_text("header")
    tab.by("scrubber").fill("0")
    served.start()  # with another secret: the tab must be opened anew to be let in
    tab.until("vaelab.problem?.includes('started anew: open the address')")
    tab.page.goto(served.address)
    tab.until("Boolean(window.vaelab && vaelab.ready && vaelab.connected && vaelab.training)")
    tab.errors.clear()


def test_another_page_can_neither_read_nor_drive(served: Served, tab: Tab) -> None:
    class Foreign(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>elsewhere</title>")

        def log_message(self, *words: Any) -> None:
            pass

    foreign = HTTPServer(("127.0.0.1", 0), Foreign)
    threading.Thread(target=foreign.serve_forever, daemon=True).start()
    tab.open(served.address)  # the cookie is there
    tab.page.goto(f"http://127.0.0.1:{foreign.server_port}/")
    there = f"http://127.0.0.1:{served.port}"
    tried = {
        "read": f"fetch('{there}/api/runs', {{credentials: 'include'}}).then((r) => r.text())",
        "drive": f"fetch('{there}/api/training/start', {{method: 'POST', credentials: 'include', "
        "headers: {'Content-Type': 'application/json', 'X-Vaelab': '1'}, "
        "body: JSON.stringify({base: 'digits'})}).then((r) => r.text())",
        "listen": f"new Promise((yes, no) => {{ const s = new WebSocket('{there}/api/live'"
        ".replace('http', 'ws')); s.onopen = () => yes('open'); s.onerror = () => no('refused') })",
        "frame": f"new Promise((yes) => {{ const f = document.createElement('iframe'); "
        f"f.src = '{there}/'; f.onload = () => {{ try {{ yes(f.contentDocument.title) }} "
        "catch (e) { yes('refused') } }; document.body.append(f) })",
    }
    for name, script in tried.items():
        answer = tab.get(f"{script}.catch(() => 'refused')")
        assert answer in {"refused", None, ""}, name
    blind = (
        f"fetch('{there}/api/training/start', {{method: 'POST', mode: 'no-cors', "
        "credentials: 'include', body: '{\"base\": \"digits\"}'}).catch(() => 0)"
    )
    tab.get(f"{blind}.then(() => 0)")
    assert sorted(path.name for path in served.folder.iterdir()) == ["plain", "styles"]
    foreign.shutdown()
    foreign.server_close()
    tab.errors.clear()  # the browser tells of each refusal


def test_a_hidden_tab_catches_up(served: Served, tab: Tab) -> None:
    tab.open(served.address)
    begin(tab)
    tab.until("vaelab.run === 'VAE' && vaelab.step > 20")
    other = tab.page.context.new_page()
    other.goto("about:blank")
    other.bring_to_front()
    time.sleep(2)
    tab.page.bring_to_front()
    tab.until("vaelab.training.step - vaelab.step < 400 && vaelab.step > 100")
    tab.by("stop").click()
    tab.until("vaelab.training.phase === 'ended'")


def test_a_wish_out_of_range_is_told_in_place(served: Served, tab: Tab) -> None:
    tab.open(served.address)
    tab.by("new-run").click()
    tab.by("axis-model.latent").evaluate(
        "(input) => { input.value = '65'; input.removeAttribute('max'); "
        "input.removeAttribute('min'); input.dispatchEvent(new Event('change', {bubbles: true})) }"
    )
    tab.by("start").click()
    tab.page.wait_for_timeout(500)
    assert "a number from 1 to 64 is needed" in tab.by("form-failure").inner_text()
    tab.errors.clear()  # the browser tells of the answer 400


def test_what_the_page_cannot_compute_the_server_decodes(
    tmp_path: Path, tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(model: FlatLatent) -> Any:
        raise UnsupportedLayerError("Attention")

    monkeypatch.setattr("vaelab.bundle.writer.lower", refuse)
    run = made(tmp_path / "runs", "task_name=odd")
    served = Served(tmp_path / "runs")
    try:
        tab.open(served.address)
        assert tab.get("vaelab.backend") == "server"
        assert tab.by("check").inner_text() == "decoded by the server"
        tab.page.mouse.move(*tab.at(0.4, -0.7))
        tab.until("vaelab.hovered !== null")
        shown = tab.get("vaelab.hovered")
        bundle = Bundle(run)
        model = bundle.model()
        restore(model, bundle.weights(tab.get("vaelab.index")))
        with torch.no_grad():
            wanted = model.decode(torch.tensor([shown["z"]])).mean
        np.testing.assert_allclose(shown["x"], wanted.flatten(), atol=1e-5)
        tab.until("vaelab.probed !== null")
    finally:
        tab.page.goto("about:blank")  # else it looks for the server, and tells of each failure
        served.stop()
