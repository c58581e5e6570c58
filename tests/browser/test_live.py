"""Training from the page, with a real server and its real training process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.browser.conftest import Served, Tab, made
from vaelab.bundle import Bundle
from vaelab.bundle.kept import restore
from vaelab.models import FlatLatent
from vaelab.networks.exported import UnsupportedLayerError
from vaelab.runs.run import Run
from vaelab.tensorfile import read_tensors
from vaelab.training.state import read_progress

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
    rows = Run(served.folder / "VAE").metrics()
    told = [row["distortion_nats"] for row in rows if row["split"] == "train"][-1]
    assert tab.get("vaelab.training.terms.distortion_nats") == told  # not those of validation
    tab.by("beta").fill("3")
    tab.by("beta").press("Enter")
    tab.until("vaelab.training.beta === 3")
    assert tab.by("change").all_inner_texts() == ["β 3"]  # on the axis of steps
    step = tab.get("vaelab.step")
    tab.by("step-batch").click()
    tab.until(f"vaelab.step === {step + 1}")
    tab.by("step-epoch").click()
    tab.until("vaelab.training.phase === 'paused'")
    tab.until("vaelab.step % vaelab.training.steps_per_epoch === 0")
    tab.page.mouse.move(*tab.at(0.5, 0.5))
    tab.until("vaelab.hovered !== null")
    tab.by("stop").click()
    tab.until("vaelab.training.phase === 'ended' && vaelab.view.step === 'last'")
    assert tab.get("vaelab.step") == tab.get("vaelab.training.step")
    assert tab.by("change").all_inner_texts() == ["β 3"]

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
    tab.page.reload()  # what is being replaced is waited for
    tab.until("window.vaelab?.training?.phase === 'paused' && vaelab.training.step === 0")
    tab.until("vaelab.ready && vaelab.run === 'collapsed' && vaelab.step === 0")
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
        assert "A small VAE is trained on 3,000" in tab.by("welcome").inner_text()
        tab.by("begin").click()
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
    assert "Training stopped unexpectedly (signal 9)" in said
    assert f"Its last checkpoint is safe: resume, or run `vaelab train {served.folder}" in said
    tab.until("vaelab.run === 'VAE'")
    tab.by("play").click()
    tab.until(PLAYING)
    tab.until("vaelab.problem === null")
    tab.by("stop").click()
    tab.until("vaelab.training.phase === 'ended'")


def test_stopping_what_is_starting_stops_it(served: Served, tab: Tab) -> None:
    tab.open(served.address)
    for name in ("VAE", "conditional"):  # while the process warms up, and while it reads the data
        tab.by(f"preset-{name}").click()
        tab.until("vaelab.training.phase === 'starting'")
        tab.by("stop").click()
        tab.until("vaelab.training.phase === 'ended' && !vaelab.beginning")
        assert "stopped" in tab.get("vaelab.training.text")
        tab.page.wait_for_timeout(500)
        assert tab.get("vaelab.training.phase") == "ended"
    tab.errors.clear()  # the browser tells of the answer 409 of what did not begin


def test_every_tab_says_what_it_steers(served: Served, tab: Tab) -> None:
    tab.open(served.address)
    begin(tab)
    tab.until("vaelab.run === 'VAE' && vaelab.step > 20")
    tab.by("play").click()
    tab.until("vaelab.training.phase === 'paused'")
    for field, text in (("beta", "-3"), ("beta", ""), ("learning-rate", "1000")):
        before = tab.by(field).input_value()
        tab.by(field).fill(text)
        tab.by(field).press("Enter")
        assert f"it stays {before}" in tab.by(f"{field}-why").inner_text()
        assert tab.by(field).input_value() == before
    assert tab.by("change").count() == 0
    other = Tab(tab.page.context.new_page())
    other.open(f"http://127.0.0.1:{served.port}/#v=1&run=plain", "play")
    assert other.by("steered").inner_text() == "VAE"
    assert other.by("beta").count() == 0
    other.by("stop").click()
    tab.show("play")
    tab.until("vaelab.training.phase === 'ended'")
    assert "stopped: epoch" in tab.by("so-far").inner_text()
    assert other.by("so-far").inner_text() == "finished: 8 epochs"
    other.by("lecture").click()
    other.by("beta-next-slider").fill("150")
    assert other.by("train-beta").is_visible()
    assert other.by("beta-next-slider").is_visible()  # to be corrected
    other.by("lecture").click()
    tab.by("resume").click()
    tab.until(PLAYING)
    other.by("show-training").click()
    other.until("vaelab.run === 'VAE' && vaelab.index === null")
    other.page.close()
    tab.by("stop").click()
    tab.until("vaelab.training.phase === 'ended'")
    assert not other.errors


def test_the_star_goes_along_while_it_trains(served: Served, tab: Tab) -> None:
    tab.open(served.address)
    tab.by("new-run").click()
    tab.by("axis-training.epochs").fill("200")
    tab.by("run-name").fill("VAE")
    tab.by("start").click()
    tab.until("vaelab.run === 'VAE' && vaelab.training.epoch > 3")
    tab.page.reload()
    tab.until("Boolean(window.vaelab && vaelab.ready)")
    kept = tab.get("vaelab.kept")
    tab.until(f"vaelab.kept > {kept} + 2")
    tab.by("play").click()
    tab.until("vaelab.training.phase === 'paused'")
    best = next(step for step in Bundle(Run(served.folder / "VAE")).steps() if step["best"])
    tab.by("step-best").click()
    tab.until("vaelab.index !== null")
    assert tab.get("vaelab.step") == best["step"]
    assert best["step"] > 0
    tab.by("stop").click()
    tab.until("vaelab.training.phase === 'ended'")


def test_runs_that_are_not_opened_after_all_leave_nothing(served: Served, tab: Tab) -> None:
    tab.open(f"{served.address}#v=1&run=styles", "look")
    workers = len(tab.page.workers)
    for name in ("plain", "styles", "plain"):
        tab.page.evaluate(f"location.hash = '#v=1&depth=look&run={name}'")
    tab.until("vaelab.ready && vaelab.run === 'plain'")
    tab.until("vaelab.check !== null")
    assert len(tab.page.workers) == workers

    tab.by("tool-path").click()
    tab.page.mouse.click(*tab.at(0.5, 0.5))  # a path begins here
    tab.by("run").select_option("styles")
    tab.until("vaelab.ready && vaelab.run === 'styles'")
    tab.page.mouse.click(*tab.at(0.1, 0.1))  # and not from there to here
    tab.page.mouse.click(*tab.at(0.6, 0.4))
    assert len(tab.get("vaelab.view.path.from")) == 4

    manifest = "**/runs/plain/bundle/manifest.json"
    tab.page.route(manifest, lambda route: route.fulfill(status=500, body='{"error": "none"}'))
    tab.by("run").select_option("plain")
    tab.until("vaelab.problem !== null")
    assert tab.by("run").input_value() == tab.get("vaelab.run") == "styles"
    tab.errors.clear()  # the browser tells of the answer 500


def test_what_begins_anew_under_another_name_is_shown(served: Served, tab: Tab) -> None:
    stopped = "training.changes=[{step: 20, stop: true}]"
    made(served.folder, "task_name=half", "training.epochs=500", stopped)
    tab.open(f"{served.address}#v=1&run=half")
    tab.by("play").click()
    tab.until("vaelab.run === 'half' && vaelab.index === null && vaelab.step > 40")
    tab.by("reset").click()
    tab.until("vaelab.run === 'half-2' && vaelab.index === null && vaelab.step === 0")
    assert tab.get("vaelab.view.step") == "live"
    tab.by("stop").click()
    tab.until("vaelab.training.phase === 'ended'")


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

    monkeypatch.setattr("vaelab.bundle.writer.export", refuse)
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
