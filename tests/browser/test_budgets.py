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
from vaelab.bundle import Bundle, BundleWriter
from vaelab.data import Store
from vaelab.data.store import Split
from vaelab.explorer.export import export_single_file, page_folder
from vaelab.runs.lookup import load_experiment
from vaelab.training import build_model, train

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
    """A site with the seed's model and all test images that MNIST has."""
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(IMAGES, 1, 28, 28), dtype=np.uint8)
    split = Split(images, np.arange(IMAGES, dtype=np.int64) % 10)
    few = split.select(np.arange(200))
    store = Store("noise", few, few, split, tuple("0123456789"), "0" * 64)
    experiment, _ = load_experiment("vae_kl")
    site = tmp_path_factory.mktemp("large")
    shutil.copytree(page_folder(), site, dirs_exist_ok=True)
    model = build_model(experiment, store.image_spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vaelab.bundle.images.MAX_IMAGES", IMAGES)  # as older runs have them
        BundleWriter(site / "bundle", "noise", experiment, store, model).keep(0, 0.0)
    return site


def test_the_script_is_small() -> None:
    (script,) = page_folder().glob("assets/*.js")
    size = len(gzip.compress(script.read_bytes()))
    print(f"script with the kernel inside: {size / 1000:.1f} kB gzipped (budget 140)")
    assert size <= 140_000


SIZES = ((1280, 720), (1440, 900), (1920, 1080), (2560, 1440))
UNCOVERED = """(() => {
  const box = (one) => one.getBoundingClientRect()
  const plane = box(document.querySelector('.latent'))
  const over = '.said, .tools > *, .float > :not(.foot), .foot > *, .formula, .problem, .tip'
  const panels = [...document.querySelectorAll(over)].map(box)
  const inside = (b, x, y) => x >= b.left && x < b.right && y >= b.top && y < b.bottom
  let seen = 0
  for (let i = 0; i < 160; i++) for (let j = 0; j < 90; j++) {
    const [x, y] = [(i + 0.5) * innerWidth / 160, (j + 0.5) * innerHeight / 90]
    seen += inside(plane, x, y) && !panels.some((panel) => inside(panel, x, y))
  }
  return [plane.width * plane.height / innerWidth / innerHeight, seen / 160 / 90]
})()"""


def test_the_plane_is_the_page(tab: Tab, site) -> None:
    tab.open(site("plain"), "play")
    for width, height in SIZES:
        tab.page.set_viewport_size({"width": width, "height": height})
        for depth in ("play", "look", "measure"):
            tab.show(depth)
            share, uncovered = tab.get(UNCOVERED)
            print(
                f"{width} x {height}, {depth}: the plane has {share:.0%} of the window (budget "
                f"60), {uncovered:.0%} free of panels"
            )
            assert share >= 0.6
            assert uncovered >= {"play": 0.6, "look": 0.35, "measure": 0.2}[depth]


ARC_MINUTES = 15
METRES, PICTURE_METRES = 8.0, 2.0
LETTERS = """(() => {
  const context = document.createElement('canvas').getContext('2d')
  const found = {}
  const note = (font, text) => {
    context.font = font
    const height = context.measureText('H').actualBoundingBoxAscent
    if (!(text in found) || found[text] > height) found[text] = height
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim()
    const of = walker.currentNode.parentElement
    if (!text || of.closest('.hidden-text, script, style, option')) continue
    const style = getComputedStyle(of)
    const range = document.createRange()
    range.selectNodeContents(walker.currentNode)
    const box = range.getBoundingClientRect()
    const there = box.width > 0 && box.bottom > 0 && box.top < innerHeight
    if (there && of.checkVisibility({ visibilityProperty: true })) note(style.font, text)
  }
  for (const [font, text] of window.painted) note(font, text)
  return found
})()"""


def test_a_lecture_is_read_from_the_back_row(tab: Tab, site) -> None:
    tab.page.add_init_script(
        "window.painted = []; const fill = CanvasRenderingContext2D.prototype.fillText; "
        "CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) { "
        "window.painted.push([this.font, text]); return fill.call(this, text, ...rest) }"
    )
    tab.page.set_viewport_size({"width": 1280, "height": 720})
    tab.open(site("plain") + "#v=1&lecture=1&layers=points_rings_glyphs", "play")
    needed = METRES * np.tan(np.deg2rad(ARC_MINUTES / 60)) / PICTURE_METRES * 1280
    for depth in ("play", "look"):
        tab.show(depth)
        tab.get("void (window.painted.length = 0)")
        for key in "ggrr":  # so that all is painted again
            tab.page.keyboard.press(key)
        tab.page.wait_for_timeout(200)
        letters = tab.get(LETTERS)
        assert {"Play", "x", "0", "rate"} <= letters.keys()
        assert tab.get("window.painted.length") > 30  # names and ticks on the plane
        smallest = min(letters, key=letters.get)
        share, uncovered = tab.get(UNCOVERED)
        print(
            f"lecture mode, {depth}: capitals of at least {letters[smallest]:.1f} pixels "
            f"(“{smallest}”; budget {needed:.1f}), the plane has {share:.0%} of the window (54), "
            f"{uncovered:.0%} free of panels"
        )
        assert letters[smallest] >= needed
        assert share >= 0.54
        assert tab.get("document.documentElement.scrollWidth <= innerWidth")


def test_the_first_picture_comes_at_once(tab: Tab, served: Served, single: str) -> None:
    for name, address in {"a server": served.address, "a single file": single}.items():
        times = []
        tab.page.goto(address)
        for _ in range(3):  # the server's very first answers import
            tab.until("Boolean(window.vaelab && vaelab.latency.first)")
            times.append(tab.get("vaelab.latency.first") / 1000)
            tab.until("vaelab.ready")
            tab.page.reload()
        tab.until("Boolean(window.vaelab && vaelab.ready)")
        first, slower = median(times), slowness(tab)
        print(f"first decode from {name} after {first:.2f} s (budget 1, {slower:.1f}x here)")
        assert first <= slower
    tab.page.goto("about:blank")


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


SCRUBS = """async () => {
    const frame = () => new Promise(requestAnimationFrame), times = [], arithmetic = []
    const scrubber = document.querySelector('[data-testid=scrubber]')
    for (let i = 0; i < 40; i++) {
        const index = (i * 7) % (Number(scrubber.max) + 1)
        scrubber.value = index
        const began = performance.now()
        scrubber.dispatchEvent(new Event('input', { bubbles: true }))
        while (vaelab.index !== index) await frame()
        times.push(performance.now() - began)
        await frame()
        const t = performance.now(); let s = 0
        for (let i = 1; i < 2e7 / 3; i++) s += 1 / (i + s)
        arithmetic.push(3 * (performance.now() - t))
    }
    return [times, arithmetic]
}"""
ROUNDS = 3
"""Of which the best counts: whatever else the machine does only ever makes one slower."""


@pytest.mark.mnist
@pytest.mark.parametrize(("latent", "megabytes"), [(2, 10), (16, 14)])
def test_an_exported_page_is_small_and_scrubs(
    tab: Tab, tmp_path: Path, mnist_folder: Path, latent: int, megabytes: float
) -> None:
    words = [
        "training.epochs=5", f"model.latent={latent}", f"data.path={mnist_folder}",
        "figures={every_epoch: [], at_end: []}",
    ]  # fmt: skip
    experiment, _ = load_experiment("mnist", words)
    run = train(experiment, tmp_path / "runs").run
    path = export_single_file(Bundle(run), tmp_path / "page.html")
    size = path.stat().st_size / 1e6
    tab.open(path.as_uri())
    tab.page.wait_for_timeout(3000)  # the steps before the last are unpacked meanwhile
    assert tab.get("vaelab.check.ok")
    rounds = [[quantiles(times, n=20)[-1] for times in tab.get(SCRUBS)] for _ in range(ROUNDS)]
    allowed = [SPARE * max(1.0, arithmetic / ARITHMETIC_MS) for _, arithmetic in rounds]
    (scrub, _), slower = min(zip(rounds, allowed, strict=True), key=lambda one: one[0][0] / one[1])
    print(
        f"mnist in {latent} dimensions: {size:.1f} MB (budget {megabytes}), scrub p95 "
        f"{scrub:.0f} ms (50); this machine is allowed {slower:.1f}x"
    )
    assert size <= megabytes
    assert scrub <= 50 * slower
