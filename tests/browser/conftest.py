"""A real Chromium, and runs to look at in it."""

import functools
import http.server
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vaelab.bundle import Bundle
from vaelab.config import override, validate
from vaelab.experiment import Experiment
from vaelab.explorer.export import export_single_file, export_site
from vaelab.runs.run import Run
from vaelab.training import train

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --force-color-profile=srgb"
).split()
CALM = "figures={every_epoch: [], at_end: []}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="package")  # no longer: its event loop is in the way of other tests' loops
def browser() -> Iterator[Any]:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        missing = "no Chromium is on the PATH: the explorer is not tested in a browser"
        if os.environ.get("VAELAB_BROWSER") == "required":
            pytest.fail(missing)
        pytest.skip(missing)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


def holds(page: Any, expression: str) -> bool:
    """Whether it is so in a page or frame by now; nothing is while it gives way to another."""
    try:
        return bool(page.evaluate(expression))
    except Exception as error:
        if any(words in str(error) for words in ("context was destroyed", "was detached")):
            return False
        raise


class Tab:
    """A page with the explorer in it, and what it says of itself."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._told)

    def _told(self, message: Any) -> None:
        """What the browser says."""
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location['url']})")

    def open(self, address: str, depth: str = "measure") -> "Tab":
        """The page, with as much of it as there is in one of its depths."""
        self.page.goto(address)
        self.until("Boolean(window.vaelab && vaelab.ready)")
        self.show(depth)
        return self

    def show(self, depth: str) -> None:
        """Choose how much is shown, and wait until the plane has made room for it."""
        if self.get("vaelab.view.depth") != depth:
            self.by(f"depth-{depth}").click()
        self.page.wait_for_timeout(60)
        self.until("vaelab.still")

    def get(self, expression: str) -> Any:
        return self.page.evaluate(expression)

    def until(self, expression: str, seconds: float = 120) -> float:
        """Wait until it is so; the policy against `eval` rules out the browser's own waiting."""
        began = time.monotonic()
        while not holds(self.page, expression):
            if time.monotonic() - began > seconds:
                told = self.get(
                    "window.vaelab ? ['problem', 'run', 'view', 'training', 'followed', 'waiting', "
                    "'locked', 'ready'].map((name) => [name, vaelab[name]]) : null"
                )
                raise AssertionError(f"not within {seconds} s: {expression}; {told}; {self.errors}")
            time.sleep(0.02)
        return time.monotonic() - began

    def rest(self) -> None:
        """Wait until nothing moves and nothing is computed any more, however slow the machine."""
        end, calm, asked = time.monotonic() + 120, 0, -1
        while calm < 3:
            assert time.monotonic() < end, "the page never rests"
            self.page.wait_for_timeout(100)
            quiet = self.get("vaelab.ready && vaelab.still && computing.every((n) => n <= 0)")
            calm = calm + 1 if quiet and self.get("asked") == asked else 0
            asked = self.get("asked")

    def by(self, testid: str) -> Any:
        return self.page.get_by_test_id(testid)

    def pixels(self, testid: str) -> list[int]:
        """Ink, row by row, on a small canvas: how opaque it is."""
        return self.get(
            f"""(() => {{ const c = document.querySelector('[data-testid="{testid}"]');
            const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
            return Array.from(d).filter((_, i) => i % 4 === 3) }})()"""
        )

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a place of the latent plane is on the page."""
        self.until("vaelab.still")
        box = self.by("latent").bounding_box()
        left, top = self.get(f"vaelab.screen({x}, {y})")
        return box["x"] + left, box["y"] + top

    def drag(self, *places: tuple[float, float]) -> None:
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=4)
        self.page.mouse.up()


COUNTED = """
window.asked = 0
window.computing = []
const post = Worker.prototype.postMessage, end = Worker.prototype.terminate, known = new Map()
Worker.prototype.postMessage = function (...all) {
    if (!known.has(this)) {
        known.set(this, computing.push(0) - 1)
        this.addEventListener('message', () => computing[known.get(this)]--)
    }
    asked++
    computing[known.get(this)]++
    return post.apply(this, all)
}
Worker.prototype.terminate = function () {
    computing[known.get(this)] = 0
    return end.apply(this)
}
"""
"""What the page's workers were asked, and how much of it each has not answered yet.

Less than nothing where one was ended while its last answer was heard.
"""


@pytest.fixture
def tab(browser: Any) -> Iterator[Tab]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    context.add_init_script(f"(() => {{{COUNTED}}})()")
    tab = Tab(context.new_page())
    yield tab
    context.close()
    assert not tab.errors


def made(folder: Path, *assignments: str) -> Run:
    words = ["data={kind: digits}", "training.epochs=8", "explorer.keep=8", CALM, *assignments]
    experiment = validate(Experiment, override(Experiment, {}, words), "a test")
    return train(experiment, folder).run


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two dimensions, and four of a conditional model."""
    folder = tmp_path_factory.mktemp("browser") / "runs"
    made(folder, "task_name=plain")
    made(
        folder, "task_name=styles", "model.latent=4",
        "model.condition={encoder: one_hot, decoder: one_hot}",
    )  # fmt: skip
    return folder


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words: Any) -> None:
        pass


@pytest.fixture(scope="session")
def serve_folder() -> Iterator[Callable[[Path], str]]:
    """Any web server: the address of the page in a folder."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def serve(folder: Path) -> str:
        handler = functools.partial(_Quiet, directory=folder)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/index.html"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def site(
    runs: Path, tmp_path_factory: pytest.TempPathFactory, serve_folder: Callable[[Path], str]
) -> Callable[[str], str]:
    """The address of a run's exported site."""
    folder = tmp_path_factory.mktemp("sites")
    return {
        name: serve_folder(export_site(Bundle(Run(runs / name)), folder / name))
        for name in ("plain", "styles")
    }.__getitem__


@pytest.fixture(scope="session")
def single(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a single file."""
    path = tmp_path_factory.mktemp("single") / "plain.html"
    return export_single_file(Bundle(Run(runs / "plain")), path).as_uri()


class Served:
    """`vaelab explore` as a process.

    Attributes:
        address: the last one that it printed, which opens the page once.
        said: every line that it printed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        words = ["explore", str(self.folder), "--no-browser", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vaelab", *words], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        self.said: list[str] = []
        self._listen(self.process.stdout.readline())
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self._listen(line)

    def _listen(self, line: str) -> None:
        self.said.append(line)
        if found := re.search(r"http://\S+token=\S+", line):
            self.address = found.group()

    def stop(self) -> str:
        self.process.terminate()
        self.process.wait(timeout=180)
        self._reader.join(timeout=60)
        self.process.stdout.close()
        return "".join(self.said)


@pytest.fixture
def served(runs: Path, tmp_path: Path) -> Iterator[Served]:
    shutil.copytree(runs, tmp_path / "runs")
    served = Served(tmp_path / "runs")
    yield served
    if served.process.poll() is None:
        served.stop()
