"""What the explorer's page costs the training that it shows."""

import asyncio
import json
import math
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from benchmarks.bench import Bench
from benchmarks.processes import ROOT
from benchmarks.report import Result, Row, absent
from benchmarks.timing import Side
from vaelab.explorer import frames

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = "--no-sandbox --disable-gpu --no-first-run --disable-background-networking".split()
SETTLE = 1.0
MOVE = 1 / 60
SETTLED_STEP = 50
CASES = ("digits", "vae_kl")


def measure(bench: Bench) -> Result:
    """A training with nobody looking, with the page open, and with somebody moving in it."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    explanation = (
        "seconds per step of a training that the explorer's server runs, with a page that follows "
        "it / with no page: left alone, and with the pointer moving over the latent view 60 times "
        "a second. In headless Chromium, which draws without a GPU, on the same cores. The server "
        "leaves one core to the page, so that the training has the others in all three."
    )
    rows: list[Row] = []
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return Result("watched", explanation, [absent("page", "Playwright is not installed")])
    if browser is None:
        return Result("watched", explanation, [absent("page", "no Chromium is on the PATH")])
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=FLAGS)
        for config in CASES[:1] if bench.quick else CASES:
            page = chromium.new_page(viewport={"width": 1440, "height": 900})
            with Watched(config, Path(bench.place("watched")), page) as watched:
                rows += _rows(bench, config, watched)
            page.close()
        chromium.close()
    return Result("watched", explanation, rows)


def _rows(bench: Bench, config: str, watched: "Watched") -> Iterator[Row]:
    seconds = 2.0 if bench.quick else 5.0
    sides = [
        Side("nobody", partial(watched.nobody, seconds)),
        Side("open", partial(watched.open, seconds)),
        Side("moving", partial(watched.moving, seconds)),
    ]
    rounds = bench.compare(f"{config}, watched", sides)
    alone = rounds.milliseconds("nobody")
    for name, words in (("open", "the page open"), ("moving", "someone moving in the page")):
        ms = rounds.milliseconds(name)
        yield Row(
            f"{config}, {words}", "a step with the page / without", rounds.ratio(name, "nobody"),
            f"{ms:.2f} / {alone:.2f} ms", {"with_ms": ms, "without_ms": alone},
        )  # fmt: skip


class Watched:
    """`vaelab explore` with a training that does not end by itself, and a browser's page.

    Args:
        config: what is trained.
        folder: for the run.
        page: Playwright's.
    """

    def __init__(self, config: str, folder: Path, page: Any) -> None:
        self.config, self.folder, self.page = config, folder, page
        self.state: dict[str, Any] = {}
        self.moves = 0

    def __enter__(self) -> "Watched":
        words = ["explore", str(self.folder), "--no-browser"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vaelab", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True,
            env={k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"},
        )  # fmt: skip
        try:
            self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _begin(self) -> None:
        if self.process.stdout is None:
            raise RuntimeError("the explorer has no output")
        line = self.process.stdout.readline()
        match = re.search(r"http://(127\.0\.0\.1:\d+)/\?token=\S+", line)
        if match is None:
            raise RuntimeError(f"the explorer did not start: {line}")
        self.address, self.host = match[0], match[1]
        self.page.goto(self.address)  # the token becomes a cookie and a key
        (cookie,) = self.page.context.cookies()
        self.cookie = f"{cookie['name']}={cookie['value']}"
        self.key = self.page.evaluate("localStorage.getItem('vaelab-key')")
        threading.Thread(target=lambda: asyncio.run(self._listen()), daemon=True).start()
        self._start()
        while self.state.get("step", 0) < SETTLED_STEP:
            if self.state.get("phase") == "failed":
                raise RuntimeError(self.state["text"])
            sleep(0.1)

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.wait()

    def nobody(self, seconds: float) -> float:
        """Seconds per step with no page."""
        self.page.goto("about:blank")
        return self._pace(seconds)

    def open(self, seconds: float) -> float:
        """Seconds per step with the page following, left alone."""
        self._follow()
        return self._pace(seconds)

    def moving(self, seconds: float) -> float:
        """Seconds per step with the pointer moving over the latent view."""
        self._follow()
        box = self.page.get_by_test_id("latent").bounding_box()
        return self._pace(seconds, partial(self._move, box))

    def _follow(self) -> None:
        self.page.goto(f"http://{self.host}/#v=1&run=watched&step=live")
        while not self.page.evaluate("window.vaelab?.index === null && vaelab.ready"):
            sleep(0.05)

    def _pace(self, seconds: float, meanwhile: Any = None) -> float:
        sleep(SETTLE)
        began = dict(self.state)
        end = monotonic() + seconds
        while monotonic() < end:
            if meanwhile is not None:
                meanwhile()
            sleep(MOVE)
        now = dict(self.state)
        return float((now["at"] - began["at"]) / (now["step"] - began["step"]))

    def _move(self, box: dict[str, float]) -> None:
        self.moves += 1
        x = box["x"] + box["width"] * (0.5 + 0.4 * math.sin(self.moves / 20))
        y = box["y"] + box["height"] * (0.5 + 0.4 * math.cos(self.moves / 13))
        self.page.mouse.move(x, y)

    def _start(self) -> None:
        wish = {"base": self.config, "set": {"training.epochs": 10_000}, "name": "watched"}
        request = urllib.request.Request(
            f"http://{self.host}/api/training/start", json.dumps(wish).encode(),
            {"Content-Type": "application/json", "X-Vaelab": self.key, "Cookie": self.cookie},
        )  # fmt: skip
        urllib.request.urlopen(request).close()

    async def _listen(self) -> None:
        """Hear the state, and never ask for more."""
        live = connect(
            f"ws://{self.host}/api/live", max_size=None,
            subprotocols=[Subprotocol("vaelab"), Subprotocol(f"vaelab-key.{self.key}")],
            additional_headers={"Cookie": self.cookie, "Origin": f"http://{self.host}"},
        )  # fmt: skip
        async with live as socket:
            with suppress(ConnectionClosed):
                async for message in socket:
                    header = frames.unpack(bytes(message))[0]  # type: ignore[arg-type]
                    if header["type"] == "state":
                        self.state = {**header, "at": monotonic()}
