"""A run that another process trains is followed by the page, read-only, to its end."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import Served, Tab
from vaelab.runs.run import Run

CALM = "figures={every_epoch: [], at_end: []}"


class Terminals:
    """Trainings in terminals beside the page."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen[bytes]] = []

    def train(self, *words: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "vaelab", "train", *words, "--runs", str(self.folder)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        self.started.append(process)
        return process

    def begin(self, name: str, epochs: int, *words: str) -> subprocess.Popen[bytes]:
        """A new run, there and training when this returns."""
        process = self.train(
            "digits", f"task_name={name}", f"training.epochs={epochs}", CALM, *words
        )
        until((self.folder / name / "resume.safetensors").is_file)
        return process


def until(true: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def terminals(served: Served) -> Iterator[Terminals]:
    terminals = Terminals(served.folder)
    yield terminals
    for process in terminals.started:
        process.kill()
        process.wait()


def said(tab: Tab) -> str:
    return " ".join(tab.by("elsewhere").inner_text().split())


def test_a_training_in_a_terminal_is_followed_to_its_end(
    served: Served, tab: Tab, terminals: Terminals
) -> None:
    tab.open(served.address)
    process = terminals.begin("term", 5000)
    tab.until("[...document.querySelectorAll('option')].some((one) => one.value === 'term')")
    tab.by("run").select_option("term")
    tab.until("vaelab.ready && vaelab.run === 'term' && vaelab.followed?.phase === 'training'")
    words = said(tab)
    assert f"term is being trained in another process: process {process.pid}, since 20" in words
    assert "It is steered where it was started" in words
    assert "training elsewhere: epoch" in tab.by("so-far").inner_text()
    assert tab.by("play").is_disabled()
    assert tab.by("reset").is_disabled()
    step, rows = tab.get("vaelab.step"), tab.get("vaelab.rows")
    tab.until(f"vaelab.step > {step} && vaelab.rows > {rows}")

    tab.page.reload()  # in the middle
    tab.until("vaelab.ready && vaelab.followed?.phase === 'training'")
    tab.until(f"vaelab.step > {step} && vaelab.rows > {rows}")
    tab.by("scrubber").fill("0")  # who looks at another step goes on looking at it
    tab.until("vaelab.step === 0")
    kept = tab.get("vaelab.kept")
    tab.until(f"vaelab.kept > {kept}")
    assert tab.get("vaelab.step") == 0
    tab.by("step-last").click()

    answer = tab.get(
        "fetch('api/training/resume', {method: 'POST', body: '{\"run\": \"term\"}', headers: "
        "{'Content-Type': 'application/json', 'X-Vaelab': localStorage.getItem('vaelab-key')}})"
        ".then(async (answer) => [answer.status, (await answer.json()).error])"
    )
    assert answer[0] == 409
    assert f"is being written by process {process.pid} (training" in answer[1]

    process.send_signal(signal.SIGINT)
    tab.until("vaelab.followed.phase === 'stopped'")
    assert "stopped before its last epoch; it can be resumed" in said(tab)
    run = Run(served.folder / "term")
    tab.until(f"vaelab.rows === {len(run.metrics())}")
    tab.until("vaelab.ready && !document.querySelector('[data-testid=play]').disabled")
    tab.by("play").click()
    tab.until("vaelab.training.phase === 'playing' && vaelab.run === 'term'")
    tab.until("vaelab.index === null")
    assert tab.by("elsewhere").count() == 0
    tab.by("stop").click()
    tab.until("vaelab.training.phase === 'ended'")
    tab.errors.clear()  # the browser tells of the answer 409


def test_a_killed_training_an_ended_one_and_a_folder_that_is_gone(
    served: Served, tab: Tab, terminals: Terminals
) -> None:
    process = terminals.begin("term", 3000)
    tab.open(served.address + "#")
    tab.until("vaelab.ready && vaelab.run === 'term' && vaelab.followed?.phase === 'training'")
    process.kill()
    tab.until("vaelab.followed.phase === 'killed'")
    assert "was killed, or its machine went down. What it saved last is safe" in said(tab)
    assert tab.by("play").is_enabled()

    tab.by("run").select_option("plain")
    tab.until("vaelab.run === 'plain' && vaelab.ready && vaelab.followed?.run === 'plain'")
    process = terminals.train(str(served.folder / "plain"), "--resume", "training.epochs=200", CALM)
    tab.until("vaelab.followed.phase === 'done'")
    assert "The training of plain has ended: all its epochs are done." in said(tab)
    process.wait(60)
    assert tab.get("vaelab.rows") == len(Run(served.folder / "plain").metrics())
    tab.until("vaelab.ready && vaelab.step === 200 * 21")

    shutil.rmtree(served.folder / "plain")
    tab.until("vaelab.followed.phase === 'gone'")
    assert "was removed or moved; this page shows what it has loaded" in said(tab)
    assert tab.by("play").is_disabled()
    tab.page.mouse.move(*tab.at(0.5, 0.5))
    tab.until("vaelab.hovered !== null")
    terminals.begin("plain", 3000)  # which keeps no step 4200
    tab.until("vaelab.followed.phase === 'training' && vaelab.ready && vaelab.step !== 200 * 21")
    tab.errors.clear()  # the browser tells of an answer 409, where no step had been kept yet


def test_a_run_without_a_kept_step_is_opened_when_there_is_one(
    served: Served, tab: Tab, terminals: Terminals
) -> None:
    process = terminals.begin("bare", 3000, "explorer.keep=0")
    tab.page.goto(f"{served.address}#")
    tab.until("Boolean(window.vaelab && vaelab.waiting)")
    words = tab.by("waiting").inner_text()
    assert "bare cannot be shown yet" in words
    assert f"process {process.pid} (training" in words
    assert "it has kept no step to show yet" in words
    tab.until("vaelab.followed?.phase === 'training'")
    tab.show("measure")
    assert "bare is being trained in another process" in said(tab)
    until((served.folder / "bare" / "weights.safetensors").is_file)
    assert not (served.folder / "bare" / "explorer").exists()
    process.send_signal(signal.SIGINT)
    tab.until("vaelab.ready && vaelab.run === 'bare' && vaelab.waiting === null")
    assert (served.folder / "bare" / "explorer" / "manifest.json").is_file()
    tab.errors.clear()  # the browser tells of the answer 409


def test_one_explorer_follows_another(served: Served, tab: Tab, browser) -> None:
    other = Served(served.folder)
    context = browser.new_context()
    second = Tab(context.new_page())
    try:
        tab.open(served.address)
        tab.by("new-run").click()
        tab.by("axis-training.epochs").fill("5000")
        tab.by("run-name").fill("shared")
        tab.by("start").click()
        tab.until("vaelab.run === 'shared' && vaelab.step > 20")
        second.open(other.address)
        second.until("vaelab.run === 'shared' && vaelab.followed?.phase === 'training'")
        step = second.get("vaelab.step")
        second.until(f"vaelab.step > {step}")
        assert second.by("play").is_disabled()
        tab.by("stop").click()
        tab.until("vaelab.training.phase === 'ended'")
        second.until("vaelab.followed.phase === 'stopped'")
        second.until(f"vaelab.step === {tab.get('vaelab.training.step')}")
        second.by("play").click()
        second.until("vaelab.training.phase === 'playing'")
        tab.until("vaelab.followed?.phase === 'training'")
        second.by("stop").click()
        tab.until("vaelab.followed.phase === 'stopped'")
        rows = Run(served.folder / "shared").metrics()
        assert [row["step"] for row in rows] == sorted(row["step"] for row in rows)
        assert not second.errors
    finally:
        context.close()
        other.stop()
