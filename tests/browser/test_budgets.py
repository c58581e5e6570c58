"""The page's budgets, measured on the seed's conv decoder and 10,000 points, and printed.

They are meant for a 2.5 GHz core with nothing else on it: a slower or busier machine is allowed
for by how long the browser takes for a fixed piece of arithmetic, measured beside them.
"""

import gzip
import shutil
from pathlib import Path
from statistics import median, quantiles

import numpy as np
import pytest

from tests.browser.conftest import Served, Tab
from vaelab.bundle import BundleWriter
from vaelab.data import Store
from vaelab.data.store import Split
from vaelab.explorer.page import page_folder
from vaelab.library import load_experiment
from vaelab.training import build_model

IMAGES = 10_000
ARITHMETIC = """(() => { const t = performance.now(); let s = 0;
for (let i = 1; i < 2e7; i++) s += 1 / (i + s); return performance.now() - t })()"""
ARITHMETIC_MS = 75.0
"""What that takes where the budgets hold."""
SPARE = 1.5


def slowness(tab: Tab) -> float:
    return SPARE * max(1.0, median(tab.get(ARITHMETIC) for _ in range(5)) / ARITHMETIC_MS)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with the seed's model and as many test images as MNIST has."""
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(IMAGES, 1, 28, 28), dtype=np.uint8)
    split = Split(images, np.arange(IMAGES, dtype=np.int64) % 10)
    few = split.select(np.arange(200))
    store = Store("noise", few, few, split, tuple("0123456789"), "0" * 64)
    experiment, _ = load_experiment("vae_kl")
    site = tmp_path_factory.mktemp("large")
    shutil.copytree(page_folder(), site, dirs_exist_ok=True)
    model = build_model(experiment, store.outline)
    BundleWriter(site / "bundle", "noise", experiment, store, model).keep(0, 0.0)
    return site


def test_the_script_is_small() -> None:
    (script,) = page_folder().glob("assets/*.js")
    size = len(gzip.compress(script.read_bytes()))
    print(f"script with the kernel inside: {size / 1000:.1f} kB gzipped (budget 100)")
    assert size <= 100_000


def test_decoding_and_drawing_keep_up(tab: Tab, large: Path, serve_folder) -> None:
    tab.page.goto(serve_folder(large))
    first = tab.until("Boolean(window.vaelab && vaelab.pinned)")
    tab.until("vaelab.ready && vaelab.check !== null")
    slower = slowness(tab)
    for i in range(150):
        tab.page.mouse.move(*tab.at(np.sin(i / 9) * 2, np.cos(i / 7)))
    hover = quantiles(tab.get("vaelab.latency.hover"), n=20)[-1]
    for _ in range(20):
        tab.page.keyboard.press("3")
        tab.page.wait_for_timeout(30)
    redraw = median(tab.get("vaelab.latency.redraw.slice(-20)"))
    print(
        f"first decode {first:.2f} s after load (budget 1), hover p95 {hover:.1f} ms (8), "
        f"{IMAGES:,} points redrawn in {redraw:.1f} ms (4); this machine is allowed {slower:.1f}x"
    )
    assert first <= 1.0 * slower + 0.5  # the atlas of noise is six times MNIST's
    assert hover <= 8 * slower
    assert redraw <= 4 * slower


def test_nothing_stalls_while_training(served: Served, tab: Tab) -> None:
    tab.open(served.address)
    slower = slowness(tab)
    tab.get(
        "(() => { window.tasks = []; new PerformanceObserver((list) => window.tasks.push("
        "...list.getEntries().map((e) => e.duration))).observe({type: 'longtask'}) })()"
    )
    tab.by("preset-VAE").click()
    moved = tab.until("vaelab.run === 'VAE' && vaelab.index === null && vaelab.step > 1")
    tab.until("vaelab.step > 1500 || vaelab.training.phase === 'ended'")
    longest = max(tab.get("window.tasks"), default=0)
    print(
        f"points move {moved:.1f} s after the click (budget 3, once the process is ready), longest "
        f"task {longest:.0f} ms (50); this machine is allowed {slower:.1f}x"
    )
    assert longest <= 50 * slower
