"""There is room for everything: nothing is cut off, overprinted, or below something else."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import Served, Tab, made
from vaelab.bundle import Bundle
from vaelab.explorer.export import export_site
from vaelab.runs.run import Run

Site = Callable[[str], str]
DEPTHS = ("play", "look", "measure")
CUT = """(() => {
  const context = document.createElement('canvas').getContext('2d')
  const found = []
  for (const one of document.querySelectorAll('button, select, input[type=number], summary')) {
    const box = one.getBoundingClientRect()
    if (!one.checkVisibility({ visibilityProperty: true }) || box.width === 0) continue
    const style = getComputedStyle(one)
    const words = one.matches('select') ? one.selectedOptions[0]?.text : one.value
    const arrow = one.matches('select') ? 18 : 0
    context.font = style.font
    const room = one.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight)
    const needed = one.matches('select, input') ? context.measureText(words).width + arrow : 0
    const name = one.dataset.testid ?? one.ariaLabel ?? one.innerText
    if (needed > room + 0.5) found.push([name, words, needed, room])
    if (one.matches('button') && one.scrollWidth > one.clientWidth + 1) found.push([name, 'words'])
    for (let up = one.parentElement; up; up = up.parentElement) {
      if (getComputedStyle(up).overflowX === 'visible') continue
      const { left, right } = up.getBoundingClientRect()
      if (box.left < left - 1 || box.right > right + 1) found.push([name, 'by', up.className])
    }
  }
  return found
})()"""
PANELS = ".float > .panel, .tools > *, .foot > *, .said"
UNDER = f"""(() => {{
  const plane = document.getElementById('plane').getBoundingClientRect()
  const boxes = [...document.querySelectorAll('{PANELS}')].map((one) => one.getBoundingClientRect())
  const places = Array.from({{ length: vaelab.count }}, (_, i) => vaelab.place(i))
  return places.filter(([left, top]) => boxes.some((box) => left + plane.left > box.left &&
    left + plane.left < box.right && top + plane.top > box.top && top + plane.top < box.bottom) ||
    left < 0 || top < 0 || left > plane.width || top > plane.height).length
}})()"""


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1440, 900), (390, 844)])
def test_no_control_is_cut_off(tab: Tab, site: Site, width: int, height: int) -> None:
    tab.page.set_viewport_size({"width": width, "height": height})
    for name in ("plain", "styles"):
        tab.open(site(name) + "#v=1&path=straight~-1_0~1_0")
        for depth in DEPTHS:
            tab.show(depth)
            assert tab.get(CUT) == [], f"{name}, {depth}"


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080)])
def test_a_lecture_can_be_steered(tab: Tab, site: Site, width: int, height: int) -> None:
    tab.page.set_viewport_size({"width": width, "height": height})
    tab.open(site("plain") + "#v=1&lecture=1", "look")
    for button in tab.page.locator(".toolbar button:visible, .topbar button:visible").all():
        button.click(trial=True, timeout=5000)  # nothing lies over it
    assert tab.by("layer-fog").is_visible()
    tab.page.keyboard.press("m")
    assert not tab.get("vaelab.view.lecture")
    assert tab.by("depth-measure").get_attribute("aria-pressed") == "true"
    assert tab.by("readings").is_visible()
    tab.page.keyboard.press("k")
    assert tab.get("vaelab.view.lecture")
    assert tab.by("depth-look").get_attribute("aria-pressed") == "true"


def test_what_comes_below_a_resting_pointer_is_not_pointed_at(tab: Tab, site: Site) -> None:
    tab.page.set_viewport_size({"width": 1280, "height": 720})
    tab.open(site("plain"), "play")
    tab.page.keyboard.press("k")
    tab.rest()
    box = tab.by("class-2").bounding_box()
    tab.page.keyboard.press("k")
    tab.rest()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.page.mouse.move(*middle)
    there = f"document.elementFromPoint({middle[0]}, {middle[1]})"
    assert tab.get(f"{there}.closest('button')") is None
    tab.page.keyboard.press("k")
    tab.page.wait_for_timeout(1000)  # longer than a tip waits
    assert tab.get(f"{there}.closest('button').dataset.testid") == "class-2"
    tip = tab.page.get_by_role("tooltip")
    assert tip.count() == 0
    tab.by("class-3").hover()
    tip.wait_for()


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize(("width", "height"), [(1000, 800), (390, 844)])
def test_fit_brings_all_points_into_the_free_part_of_the_plane(
    tab: Tab, site: Site, depth: str, width: int, height: int
) -> None:
    tab.page.set_viewport_size({"width": width, "height": height})
    tab.open(site("plain"), depth)
    for _ in range(4):
        tab.page.keyboard.press("+")
    tab.until("vaelab.still")
    assert tab.get(UNDER) > 2
    tab.by("reset-camera").click()
    tab.page.wait_for_timeout(60)
    tab.until("vaelab.still")
    assert tab.get(UNDER) <= 2  # but for the one in two hundred that lies far away


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1440, 900)])
def test_rate_and_distortion_are_above_the_fold(
    tab: Tab, site: Site, width: int, height: int
) -> None:
    tab.page.set_viewport_size({"width": width, "height": height})
    tab.open(site("plain"))
    panel = tab.by("rate-plane").bounding_box()
    stage = tab.by("latent").bounding_box()
    assert panel["y"] + panel["height"] <= stage["y"] + stage["height"]


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory, serve_folder: Callable[[Path], str]) -> str:
    """The page of a run whose classes are words."""
    folder = tmp_path_factory.mktemp("named")
    draw = np.random.default_rng(0)
    names = ("chanterelle", "fly_agaric", "penny_bun", "death_cap", "shaggy_ink_cap")
    for label, name in enumerate(names):
        for split, count in (("train", 24), ("test", 12)):
            (folder / "pictures" / split / name).mkdir(parents=True)
            for i in range(count):
                picture = draw.integers(0, 60, (16, 16), dtype=np.uint8)
                picture[2 : 6 + label, 2 * label : 2 * label + 6] += 150
                Image.fromarray(picture).save(folder / "pictures" / split / name / f"{i:02}.png")
    data = f"data={{kind: images, path: {folder / 'pictures'}}}"
    run = made(folder / "runs", data, "task_name=named", "training.epochs=3")
    return serve_folder(export_site(Bundle(Run(run.path)), folder / "site"))


def test_names_of_classes_that_are_words_have_room(tab: Tab, named: str) -> None:
    tab.page.add_init_script(
        "window.painted = []; const fill = CanvasRenderingContext2D.prototype.fillText; "
        "CanvasRenderingContext2D.prototype.fillText = function (text, x, y) { "
        "window.painted.push([text, x, y, this.measureText(text).width, parseFloat(this.font.slice("
        "this.font.indexOf('px') - 4))]); return fill.call(this, text, x, y) }"
    )
    tab.open(named, "play")
    tab.get("void (window.painted.length = 0)")
    tab.page.keyboard.press("r")
    tab.page.wait_for_timeout(200)
    painted = [one for one in tab.get("window.painted") if not one[0].strip("−").isdigit()]
    words = [one for one in painted if one[0] in {"chanterelle", "fly_agaric", "penny_bun",
                                                  "death_cap", "shaggy_ink_cap"}]  # fmt: skip
    assert 1 <= len(words) <= 5  # once each, where there is room
    for i, (_, x, y, wide, tall) in enumerate(words):
        for _, other_x, other_y, other_wide, other_tall in words[:i]:
            assert abs(x - other_x) >= (wide + other_wide) / 2 or abs(y - other_y) >= 0.35 * (
                tall + other_tall
            )
    caption = tab.by("row-random").bounding_box()
    start = tab.page.locator(".start").bounding_box()
    assert caption["x"] >= start["x"] + start["width"]
    assert tab.by("row-random").locator("xpath=ancestor::div[1]").bounding_box()["x"] >= (
        start["x"] + start["width"]
    )


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
def test_a_long_name_pushes_nothing_out_of_sight(
    served: Served, tab: Tab, width: int, height: int
) -> None:
    (served.folder / "plain").rename(served.folder / f"plain{' and long' * 8}")
    tab.page.set_viewport_size({"width": width, "height": height})
    tab.open(served.address)
    beyond = "document.documentElement.scrollWidth - innerWidth"
    for depth in DEPTHS:
        tab.show(depth)
        assert tab.get(beyond) <= 0, depth
    tab.by("lecture").click()
    tab.page.wait_for_timeout(60)
    tab.until("vaelab.still")
    assert tab.get(beyond) <= 0


@pytest.mark.parametrize("width", [820, 1000, 1100, 1280])
def test_no_layer_lies_under_a_panel(tab: Tab, site: Site, width: int) -> None:
    tab.page.set_viewport_size({"width": width, "height": 800})
    tab.open(site("plain"))
    preview = tab.page.locator("#preview").bounding_box()
    for button in tab.page.locator(".toolbar button").all():
        box = button.bounding_box()
        assert box["x"] + box["width"] <= preview["x"], button.inner_text()
