"""What the page does with a pointer, a finger and keys: row of pictures, film, depths."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.browser.conftest import Tab
from vaelab.bundle import Bundle
from vaelab.runs.run import Run

Site = Callable[[str], str]


def number(tab: Tab, part: str) -> float:
    return float(tab.by(f"row-{part}").locator("b").inner_text().replace("−", "-"))


def test_the_row_tells_what_an_image_costs(tab: Tab, site: Site, runs: Path) -> None:
    tab.open(site("plain"), "measure")
    place = tab.at(*tab.get("vaelab.loc(5)"))
    tab.page.mouse.click(*place)
    tab.until("vaelab.probed !== null && vaelab.pinned.z[0] !== 0")
    tab.page.mouse.move(1, 1)  # the probe's own: what the encoder says now
    tab.rest()
    code = {name: torch.tensor(tab.get(f"vaelab.probed.{name}")) for name in ("loc", "scale")}
    posterior = torch.distributions.Normal(**code)
    prior = torch.distributions.Normal(torch.zeros(2), torch.ones(2))
    rate = torch.distributions.kl_divergence(posterior, prior).sum().item()
    assert number(tab, "rate") == pytest.approx(rate, abs=0.006)
    x = torch.tensor(tab.pixels("probe-seen")) / 255
    mean = torch.tensor(tab.get("vaelab.pinned.x"))
    scale = Bundle(Run(runs / "plain")).manifest()["steps"][-1]["scale"]
    cost = -torch.distributions.Normal(mean, scale).log_prob(x).sum().item()
    assert number(tab, "distortion") == pytest.approx(cost, rel=0.01, abs=0.1)
    assert number(tab, "elbo") == pytest.approx(-rate - cost, rel=0.01, abs=0.1)
    tab.by("row-rate").press("Enter")
    assert f"{rate:.2f}" in tab.by("formula").inner_text()
    assert "lit" in tab.by("row-cloud").get_attribute("class")
    tab.by("row-rate").press("Escape")
    assert tab.by("formula").count() == 0


def test_the_row_follows_the_pointer(tab: Tab, site: Site) -> None:
    tab.open(site("plain"), "play")
    seen = set()
    for image in (3, 40, 200):
        tab.page.mouse.move(*tab.at(*tab.get(f"vaelab.loc({image})")))
        tab.rest()
        seen.add(tab.by("row-random").inner_text())
    assert len(seen) == 3
    hovered = tab.get("vaelab.hovered.x")
    np.testing.assert_allclose(
        np.array(tab.pixels("hovered")) / 255, np.clip(hovered, 0, 1), atol=0.004
    )


def test_space_plays_the_kept_steps(tab: Tab, site: Site) -> None:
    tab.open(site("plain"), "play")
    last = tab.get("vaelab.index")
    tab.get(
        "(() => { window.film = []; const look = () => { if (window.film.at(-1) !== vaelab.index) "
        "window.film.push(vaelab.index); requestAnimationFrame(look) }; look() })()"
    )
    tab.page.keyboard.press("Space")
    tab.until("vaelab.index === 2")
    tab.page.keyboard.press("Space")
    tab.page.wait_for_timeout(1000)
    stopped = tab.get("vaelab.index")
    assert stopped < last
    tab.page.keyboard.press("Space")
    tab.until(f"vaelab.index === {last}")
    assert tab.get("window.film") == [last, *range(last + 1)]


def test_depths_and_keys(tab: Tab, site: Site) -> None:
    tab.open(site("plain"), "play")
    assert tab.by("probe").count() == tab.by("readings").count() == 0
    tab.page.keyboard.press("l")
    assert tab.by("probe").is_visible()
    tab.page.keyboard.press("m")
    assert tab.by("readings").is_visible()
    tab.until("location.hash.includes('depth=measure')")
    tab.by("scrubber").focus()
    tab.page.keyboard.press("Home")  # is the slider's own
    tab.until("vaelab.index === 0")
    tab.by("help").click()
    tab.by("keys-on").uncheck()
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("t")
    tab.page.keyboard.press("p")
    assert not tab.get("vaelab.view.layers.tiles")
    assert tab.get("vaelab.view.depth") == "measure"
    tab.by("latent").focus()
    tab.page.keyboard.press("ArrowRight")
    assert tab.get("vaelab.view.z") == pytest.approx([0.1, 0])
    tab.page.keyboard.press("Tab")
    tab.page.evaluate("document.querySelector('.skip').focus()")
    tab.page.keyboard.press("Enter")
    assert tab.get("document.activeElement.dataset.testid") == "latent"


def test_images_are_selected_without_dragging(tab: Tab, site: Site) -> None:
    tab.open(site("plain"), "measure")
    tab.by("select-by").select_option("20")
    chosen = tab.get("vaelab.view.selected")
    codes = np.array(tab.get("Array.from({length: vaelab.count}, (_, i) => vaelab.loc(i))"))
    nearest = np.argsort(np.linalg.norm(codes, axis=1))[:20]
    assert sorted(chosen) == sorted(nearest.tolist())


def test_a_definition_is_told_to_keyboard_and_touch(tab: Tab, site: Site) -> None:
    tab.open(site("plain"), "measure")
    term = tab.by("readings").get_by_role("button", name="rate", exact=True)
    term.focus()
    tab.page.keyboard.press("Enter")
    tip = tab.page.get_by_role("tooltip")
    assert "nats of information" in tip.inner_text()
    tab.page.keyboard.press("Escape")
    assert tip.count() == 0


def test_a_dialog_that_closes_leaves_no_tip(tab: Tab, site: Site) -> None:
    tab.open(site("plain"), "play")
    tab.by("share").focus()
    tab.page.keyboard.press("Enter")
    tab.page.get_by_role("dialog").wait_for()
    tab.page.keyboard.press("Escape")
    tab.page.get_by_role("dialog").wait_for(state="hidden")
    tab.page.wait_for_timeout(100)
    assert tab.get("document.activeElement.dataset.testid") == "share"
    assert tab.page.get_by_role("tooltip").count() == 0
    tab.page.keyboard.press("Tab")
    tab.page.keyboard.press("Shift+Tab")
    tab.page.get_by_role("tooltip").wait_for()


def test_a_film_ends_at_the_last_step_by_its_name(tab: Tab, site: Site) -> None:
    tab.open(site("plain") + "#v=1&step=best", "play")
    tab.by("scrubber").evaluate(
        "(slider) => { slider.value = slider.max - 2;"
        " slider.dispatchEvent(new Event('input', { bubbles: true })) }"
    )
    tab.until("vaelab.index === vaelab.kept - 3")
    tab.page.keyboard.press("Space")
    tab.until("vaelab.view.step === 'last' && vaelab.index === vaelab.kept - 1")
    assert tab.by("step-last").get_attribute("aria-pressed") == "true"


def test_all_clouds_lie_where_the_posteriors_are(tab: Tab, site: Site) -> None:
    tab.open(site("plain"), "look")
    for layer in ("points", "glyphs", "rings"):
        tab.by(f"layer-{layer}").click()

    def inked() -> int:
        return tab.get(
            """(() => { const c = document.querySelector('.latent > canvas')
            const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data
            return d.filter((value, i) => i % 4 === 3 && value > 0).length })()"""
        )

    tab.rest()
    assert inked() == 0
    tab.page.keyboard.press("a")
    tab.rest()
    every = inked()
    assert every > 1000
    for key in range(1, 10):
        tab.page.keyboard.press(str(key))
    tab.rest()
    assert 0 < inked() < every / 2  # those of one class
    assert "clouds" in tab.page.url or tab.get("vaelab.view.layers.clouds")


def test_the_run_goes_its_way_through_the_plane_of_rate_and_distortion(
    tab: Tab, site: Site
) -> None:
    tab.open(site("plain"))
    now = tab.by("rate-plane-now")
    last = now.get_attribute("cx"), now.get_attribute("cy")
    dots = tab.by("rate-plane").locator("circle.kept")
    assert dots.count() == tab.get("vaelab.kept") == 7
    tab.by("scrubber").fill("3")
    tab.until("vaelab.index === 3")
    tab.rest()
    there = now.get_attribute("cx"), now.get_attribute("cy")
    assert there != last
    assert there == (dots.nth(3).get_attribute("cx"), dots.nth(3).get_attribute("cy"))
    assert "for beta is 1" in tab.by("rate-plane").inner_text()


@pytest.fixture
def phone(browser: Any) -> Any:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    tab = Tab(context.new_page())
    yield tab
    context.close()
    assert not tab.errors


def test_fingers_decode_zoom_and_scroll(phone: Tab, site: Site) -> None:
    phone.open(site("plain"), "play")
    x, y = phone.at(0.9, -2.2)
    phone.page.touchscreen.tap(x, y)
    phone.until("vaelab.hovered !== null || vaelab.pinned.z[0] !== 0")
    assert phone.by("hovered").is_visible()
    assert phone.get("vaelab.view.z") != [0, 0]
    session = phone.page.context.new_cdp_session(phone.page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": px, "y": py, "id": i} for i, (px, py) in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (150, 330), (210, 330))
    for away in (10, 20, 30, 40):
        touch("touchMove", (150 - away, 330), (210 + away, 330))
    touch("touchEnd")
    phone.until("vaelab.view.camera !== null")
    reach = phone.get("vaelab.view.camera.reach")
    touch("touchStart", (100, 330), (300, 330))
    touch("touchMove", (140, 330), (260, 330))
    touch("touchEnd")
    assert phone.get("vaelab.view.camera.reach") > reach
    assert phone.get("getComputedStyle(document.querySelector('.latent')).touchAction") == "pan-y"
    phone.page.evaluate("scrollTo(0, 10000)")
    below = phone.get("document.documentElement.scrollHeight - innerHeight")
    assert phone.get("scrollY") == below > 100
