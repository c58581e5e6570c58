"""Runs beside each other: what is done in one is done in all, live and in a file."""

import shutil
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes

from tests.browser.conftest import Served, Tab, holds, made
from vaelab.bundle import Bundle
from vaelab.explorer.choices import experiment_of
from vaelab.explorer.export import export_single_file, export_site
from vaelab.runs.run import Run
from vaelab.training import train

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def pair(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of eight epochs, and one of four with another beta."""
    folder = tmp_path_factory.mktemp("pair")
    shutil.copytree(runs / "plain", folder / "plain")
    made(folder, "task_name=heavy", "training.epochs=4", "training.seed=3", "objective.beta=2")
    return folder


@pytest.fixture
def served(pair: Path) -> Iterator[Served]:
    served = Served(pair)
    yield served
    served.stop()


def frames(tab: Tab, count: int = 2) -> list[Any]:
    def ready() -> list[Any]:
        inner = {f.name: f for f in tab.page.frames if f.name.startswith("vaelab ")}
        found = [inner[name] for name in sorted(inner)]
        return [f for f in found if holds(f, "window.vaelab && vaelab.ready")]

    wait(tab, lambda: len(ready()) == count)
    return ready()


def wait(tab: Tab, so: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < deadline
        tab.page.wait_for_timeout(50)  # in which the browser's news are heard


def point_at(tab: Tab, frame: Any, x: float, y: float) -> bool:
    """Move the pointer to a place of the plane of one of the pages, whose camera may be moving."""
    left, top = frame.evaluate(f"vaelab.screen({x}, {y})")
    outer = tab.page.locator(f"iframe[name='{frame.name}']").bounding_box()
    inner = frame.get_by_test_id("latent").bounding_box()  # already of the whole window
    assert inner["x"] >= outer["x"]
    tab.page.mouse.move(inner["x"] + left, inner["y"] + top)
    return frame.evaluate("vaelab.still")


def is_at(frame: Any, x: float, y: float) -> bool:
    """Whether a page decodes there."""
    hovered = frame.evaluate("vaelab.hovered")
    return hovered is not None and np.allclose(hovered["z"], (x, y), atol=0.05)


def delay_weights(frame: Any) -> None:
    """A run whose weights take longer than those of the others."""
    frame.evaluate(
        "void (() => { const get = window.fetch; window.fetch = (path, ...rest) => new Promise("
        "(go) => setTimeout(go, /weights/.test(path) ? 1500 : 0)).then(() => get(path, ...rest)) "
        "})()"
    )


def check_linked(tab: Tab, first: Any, second: Any) -> None:
    """One pointer, one camera, one time, one probe, of planes as they are."""
    tab.by("aligned").uncheck()
    wait(tab, lambda: not second.evaluate("vaelab.view.aligned"))
    point_at(tab, first, 0.5, -0.25)
    wait(tab, lambda: second.evaluate("vaelab.hovered !== null"))
    wait(tab, lambda: point_at(tab, first, 1.0, 0.5) and is_at(second, 1.0, 0.5))
    wait(tab, lambda: point_at(tab, second, -1.0, 0.25) and is_at(first, -1.0, 0.25))
    unit = "vaelab.screen(1, 0)[0] - vaelab.screen(0, 0)[0]"
    assert first.evaluate(unit) == pytest.approx(second.evaluate(unit))


def test_two_runs_move_as_one(tab: Tab, served: Served) -> None:
    tab.open(served.address, "play")
    assert tab.get("vaelab.run") == "heavy"  # the newest
    tab.by("compare").select_option("plain")
    heavy, plain = frames(tab)
    assert [heavy.evaluate("vaelab.run"), plain.evaluate("vaelab.run")] == ["heavy", "plain"]
    check_linked(tab, heavy, plain)

    plain.get_by_test_id("scrubber").focus()
    tab.page.keyboard.press("Home")
    wait(tab, lambda: heavy.evaluate("vaelab.step") == 0 == plain.evaluate("vaelab.step"))
    epochs = [step["epoch"] for step in Bundle(Run(served.folder / "heavy")).manifest()["steps"]]
    chosen = Bundle(Run(served.folder / "plain")).manifest()["steps"][5]
    plain.get_by_test_id("scrubber").evaluate(
        "(slider) => { slider.value = 5; slider.dispatchEvent(new Event('input')) }"
    )
    wait(tab, lambda: plain.evaluate("vaelab.step") == chosen["step"])
    nearest = min(epochs, key=lambda epoch: abs(epoch - chosen["epoch"]))
    wait(tab, lambda: heavy.evaluate("vaelab.step") == round(nearest * 21))

    plain.get_by_test_id("step-last").click()
    words = tab.by("numbers-plain")
    wait(tab, lambda: "epoch 8.0" in words.inner_text())
    last = {
        name: Bundle(Run(served.folder / name)).manifest()["steps"][-1]["readings"]["elbo_nats"]
        for name in ("heavy", "plain")
    }
    said = words.inner_text().replace("−", "-")
    assert f"ELBO {last['plain']:.2f} {last['plain'] - last['heavy']:+.2f}" in said
    assert "objective.beta 2 | 1" in tab.page.locator(".compared-words").inner_text()
    assert "compare=heavy/plain" in tab.page.url
    tab.page.reload()
    frames(tab)
    tab.by("remove-0").click()
    tab.until("Boolean(window.vaelab && vaelab.ready)")
    assert tab.get("vaelab.run") == "plain"
    tab.page.goto("about:blank")  # else it looks for the server, and tells of each failure


def test_a_run_that_is_not_here_is_shown_as_no_other(tab: Tab, served: Served) -> None:
    tab.open(served.address, "play")
    tab.get("location.hash = '#v=1&compare=plain/nosuch'")
    second = tab.page.frame_locator("iframe[name='vaelab 1']")
    second.get_by_text("There is no run of that name here").wait_for()
    (first,) = frames(tab, 1)
    assert first.evaluate("vaelab.run") == "plain"
    assert tab.by("numbers-nosuch").count() == 0
    tab.page.goto("about:blank")  # else it looks for the server, and tells of each failure


def test_planes_are_turned_to_match_the_first(tab: Tab, served: Served) -> None:
    tab.open(served.address, "play")
    tab.by("compare").select_option("plain")
    heavy, plain = frames(tab)
    wait(tab, lambda: plain.evaluate("vaelab.axes")[0] == "z1′")
    assert heavy.evaluate("vaelab.axes") == ["z1", "z2"]
    all_codes = "Array.from({ length: vaelab.count }, (_, i) => vaelab.loc(i))"
    own, first = (np.array(one.evaluate(all_codes)) for one in (plain, heavy))
    turn, _ = orthogonal_procrustes(own, first)
    degrees = np.degrees(np.arctan2(turn[0, 1], turn[0, 0]))
    said = tab.by("turn-plain").inner_text().replace("−", "-")
    assert said.endswith(f"turned by {degrees:.0f}°")
    assert ("mirrored" in said) == (np.linalg.det(turn) < 0)

    place = np.array([0.6, 0.3])
    wait(tab, lambda: point_at(tab, heavy, *place) and is_at(heavy, *place))
    wait(tab, lambda: is_at(plain, *(place @ turn.T)))
    tab.page.mouse.down()
    tab.page.mouse.up()
    pin = np.array(heavy.evaluate("vaelab.view.z"))
    wait(tab, lambda: np.allclose(plain.evaluate("vaelab.view.z"), pin @ turn.T, atol=1e-3))

    tab.by("aligned").uncheck()
    wait(tab, lambda: plain.evaluate("vaelab.axes")[0] == "z1")
    wait(tab, lambda: np.allclose(plain.evaluate("vaelab.view.z"), pin, atol=1e-3))
    assert np.allclose(heavy.evaluate("vaelab.view.z"), pin)
    assert "aligned=0" in tab.page.url
    tab.page.reload()
    heavy, plain = frames(tab)
    assert not tab.by("aligned").is_checked()
    tab.by("aligned").check()
    wait(tab, lambda: np.allclose(plain.evaluate("vaelab.view.z"), pin @ turn.T, atol=1e-3))
    tab.page.goto("about:blank")


def test_a_pointer_that_rests_stays_where_it_is_in_planes_that_turn(
    tab: Tab, served: Served
) -> None:
    tab.open(served.address, "play")
    tab.by("compare").select_option("plain")
    heavy, plain = frames(tab)
    wait(tab, lambda: plain.evaluate("vaelab.axes")[0] == "z1′")

    def turn() -> np.ndarray:
        if plain.evaluate("vaelab.axes")[0] == "z1":  # codes that still say nothing match no others
            return np.eye(2)
        all_codes = "Array.from({ length: vaelab.count }, (_, i) => vaelab.loc(i))"
        own, first = (np.array(one.evaluate(all_codes)) for one in (plain, heavy))
        return orthogonal_procrustes(own, first)[0]

    place = np.array([1.2, 0.6])
    wait(tab, lambda: point_at(tab, heavy, *place) and is_at(heavy, *place))
    before = turn()
    wait(tab, lambda: is_at(plain, *(place @ before.T)))
    steps = [frame.evaluate("vaelab.step") for frame in (heavy, plain)]
    delay_weights(plain)
    heavy.get_by_test_id("scrubber").evaluate(
        "(slider) => { slider.value -= 1; slider.dispatchEvent(new Event('input')) }"
    )
    moved = [(heavy, steps[0]), (plain, steps[1])]
    wait(tab, lambda: all(one.evaluate("vaelab.step") != step for one, step in moved))
    assert not np.allclose(place @ turn().T, place @ before.T, atol=0.1)
    wait(tab, lambda: is_at(plain, *(place @ turn().T)))

    tab.page.mouse.move(200, 5)  # above the planes: everywhere the chosen point is shown again
    wait(tab, lambda: all(one.evaluate("vaelab.hovered") is None for one in (heavy, plain)))
    tab.page.goto("about:blank")


def test_any_page_shows_that_a_film_plays_and_stops_it(tab: Tab, served: Served) -> None:
    tab.open(served.address, "play")
    tab.by("compare").select_option("plain")
    both = frames(tab)

    def labels() -> list[str | None]:
        return [one.get_by_test_id("replay").get_attribute("aria-label") for one in both]

    tab.page.keyboard.press("Space")
    wait(tab, lambda: labels() == ["stop the replay"] * 2)
    both[1].get_by_test_id("replay").click()
    wait(tab, lambda: labels() == ["replay the training"] * 2)
    tab.page.goto("about:blank")


def test_a_film_waits_until_every_run_has_drawn_its_step(tab: Tab, served: Served) -> None:
    tab.open(served.address, "play")
    tab.by("compare").select_option("plain")
    heavy, plain = frames(tab)
    delay_weights(plain)
    for one in (heavy, plain):
        one.evaluate(
            "void (() => { window.film = []; const look = () => { if (film.at(-1)?.[1] !== "
            "vaelab.index) film.push([Date.now(), vaelab.index]); requestAnimationFrame(look) }; "
            "look() })()"
        )
    last = heavy.evaluate("vaelab.index")
    heavy.get_by_test_id("replay").click()
    wait(tab, lambda: len(heavy.evaluate("film")) > last + 1)
    led, followed = heavy.evaluate("film"), plain.evaluate("film")
    assert [index for _, index in led] == [last, *range(last + 1)]
    steps = {
        name: Bundle(Run(served.folder / name)).manifest()["steps"] for name in ("heavy", "plain")
    }
    for (_, before), (now, _) in pairwise(led[1:]):
        epoch = steps["heavy"][before]["epoch"]
        nearest = min(steps["plain"], key=lambda step: abs(step["epoch"] - epoch))["index"]
        shown = [index for when, index in followed if when <= now][-1]
        assert shown == nearest, f"step {before} of the first"
    tab.page.goto("about:blank")


def test_two_runs_in_a_file(tab: Tab, pair: Path, tmp_path: Path) -> None:
    bundles = [Bundle(Run(pair / name)) for name in ("plain", "heavy")]
    tab.page.goto(export_single_file(bundles, tmp_path / "both.html").as_uri())
    plain, heavy = frames(tab)
    check_linked(tab, plain, heavy)
    assert tab.by("compare").count() == 0


def test_two_runs_in_a_folder(
    tab: Tab, pair: Path, tmp_path: Path, serve_folder: Callable[[Path], str]
) -> None:
    bundles = [Bundle(Run(pair / name)) for name in ("plain", "heavy")]
    tab.page.goto(serve_folder(export_site(bundles, tmp_path / "both")))
    plain, heavy = frames(tab)
    assert [plain.evaluate("vaelab.run"), heavy.evaluate("vaelab.run")] == ["plain", "heavy"]
    check_linked(tab, plain, heavy)


def test_a_classic_comparison_trains_what_it_wants_and_opens(tab: Tab, tmp_path: Path) -> None:
    wished = {"objective.beta": 1, "training.epochs": 1}
    train(experiment_of("mnist_3000", wished, tmp_path, "normal"), tmp_path)
    served = Served(tmp_path)
    try:
        tab.open(served.address, "play")
        tab.by("compare").select_option("/classic")
        row = tab.by("ready").locator("section").filter(has_text="VampPrior")
        assert "1 run, about 20 seconds on 3,000 images of MNIST; here: normal" in row.inner_text()
        tab.get(AXE.read_text())
        found = tab.get(
            "axe.run().then(({ violations }) => violations.map(({ impact, id }) => [impact, id]))"
        )
        assert [one for one in found if one[0] != "minor"] == []
        tab.by("ready-prior").click()
        wait(tab, lambda: tab.by("making").count() == 1)
        wait(tab, lambda: len(tab.page.frames) == 3, seconds=240)  # it has been trained
        normal, vamp = frames(tab)
        assert [normal.evaluate("vaelab.run"), vamp.evaluate("vaelab.run")] == ["normal", "vamp"]
        epochs = [step["epoch"] for step in Bundle(Run(tmp_path / "vamp")).manifest()["steps"]]
        assert epochs[-1] == 40

        address = tab.page.url.partition("#")[0]
        tab.page.goto("about:blank")
        tab.open(address + "#v=1&run=vamp", "play")
        tab.by("compare").select_option("/classic")
        assert "normal | vamp" in row.inner_text()
        tab.by("ready-prior").click()
        frames(tab)
        tab.page.goto("about:blank")
    finally:
        served.stop()
