"""A finished run as an exported site: every panel, by pointer and by keyboard."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.browser.conftest import Tab
from vaelab.bundle import Bundle
from vaelab.bundle.graph import interpret
from vaelab.runs.run import Run

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
Site = Callable[[str], str]


def decoded(run: Path, index: int, z: list[float], label: int | None = None) -> np.ndarray:
    """What PyTorch makes of a code with the rounded weights of a kept step."""
    bundle = Bundle(Run(run))
    decoder = bundle.graphs().decoder
    given = {"z": torch.tensor([z])}
    if label is not None:
        given["class"] = torch.eye(10)[[label]]
    weights = torch.from_numpy(bundle.weights(index))
    return interpret(decoder, weights, given)["mean"].flatten().numpy()


def test_it_opens_checked_drawn_and_decoding(tab: Tab, site: Site, runs: Path) -> None:
    tab.open(site("plain"))
    assert tab.get("vaelab.check.ok")
    assert tab.get("vaelab.backend") == "wasm"
    assert tab.get("vaelab.count") == 359
    tab.page.mouse.move(*tab.at(0.4, -0.7))
    tab.until("vaelab.hovered !== null")
    shown = tab.get("vaelab.hovered")
    assert shown["z"] == pytest.approx([0.4, -0.7], abs=0.02)
    wanted = decoded(runs / "plain", tab.get("vaelab.index"), shown["z"])
    np.testing.assert_allclose(shown["x"], wanted, atol=1e-3)
    painted = np.array(tab.pixels("hovered"))
    np.testing.assert_allclose(painted, 255 * wanted.clip(0, 1), atol=1.01)


def test_a_pointer_that_rests_sees_what_each_step_decodes(tab: Tab, site: Site, runs: Path) -> None:
    tab.open(site("plain"))
    tab.page.mouse.move(*tab.at(0.4, -0.7))
    tab.until("vaelab.hovered !== null")
    for index in (0, 3):
        tab.by("scrubber").evaluate(
            f"(slider) => {{ slider.value = {index}; slider.dispatchEvent(new Event('input')) }}"
        )
        tab.until(f"vaelab.index === {index}")
        tab.rest()
        shown = tab.get("vaelab.hovered")
        wanted = decoded(runs / "plain", index, shown["z"])
        np.testing.assert_allclose(shown["x"], wanted, atol=0.01)  # earlier steps are packed


def test_the_points_are_where_the_codes_are(tab: Tab, site: Site) -> None:
    tab.open(site("plain"))
    tab.page.keyboard.press("r")  # nothing but points
    left, top = tab.get("vaelab.place(5)")
    tab.until("vaelab.latency.redraw.length > 1")
    alpha = tab.get(
        f"""(() => {{ const c = document.querySelectorAll('.latent > canvas')[1];
        const s = c.width / c.clientWidth;
        return c.getContext('2d').getImageData({left} * s, {top} * s, 1, 1).data[3] }})()"""
    )
    assert alpha == 255
    tab.page.mouse.click(*tab.at(*tab.get("vaelab.loc(5)")))
    tab.until("vaelab.probed !== null")
    assert tab.get("vaelab.view.probe.kind") == "image"
    assert tab.get("vaelab.pinned.z") == pytest.approx(tab.get("vaelab.probed.loc"), abs=2e-3)


def test_the_scrubber_changes_every_panel(tab: Tab, site: Site) -> None:
    tab.open(site("plain"))
    tab.by("probe-index").fill("3")
    tab.by("probe-index").press("Enter")
    tab.until("vaelab.probed !== null")
    tab.rest()

    def seen() -> list[str]:
        panels = ("step-text", "readings", "dimensions")
        texts = [tab.by(name).inner_text() for name in panels]
        return [*texts, str(tab.get("vaelab.loc(0)")), str(tab.pixels("probe-decoded")),
                str(tab.get("vaelab.pinned.x"))]  # fmt: skip

    last = seen()
    tab.by("scrubber").fill("0")
    tab.until("vaelab.step === 0")
    tab.rest()
    first = seen()
    assert all(a != b for a, b in zip(first, last, strict=True))
    tab.by("step-last").click()
    tab.until("vaelab.step > 0")
    tab.rest()
    assert seen() == last


def test_the_whole_of_it_by_keyboard(tab: Tab, site: Site) -> None:
    tab.open(site("plain"))
    tab.by("latent").focus()
    tab.page.keyboard.press("ArrowRight")
    tab.page.keyboard.press("ArrowUp")
    tab.page.keyboard.press("Shift+ArrowUp")
    tab.until("vaelab.pinned && Math.abs(vaelab.pinned.z[1] - 0.11) < 1e-9")
    assert tab.get("vaelab.view.z") == pytest.approx([0.1, 0.11])
    assert tab.by("announced").inner_text().startswith("z = 0.10, 0.11: near ")
    tab.page.keyboard.press("3")
    assert tab.get("vaelab.view.hidden") == [3]
    tab.page.keyboard.press("Shift+4")
    assert tab.get("vaelab.view.hidden") == [k for k in range(10) if k != 4]
    for key, layer in zip("gitdf", ("glyphs", "thumbs", "tiles", "density", "fog"), strict=True):
        tab.page.keyboard.press(key)
        seen = layer != "glyphs"  # names are there by themselves, as the points are few
        assert tab.get(f"vaelab.view.layers.{layer}") == seen
    last = tab.get("vaelab.index")
    tab.page.keyboard.press(",")
    tab.until(f"vaelab.index === {last - 1}")
    tab.page.keyboard.press("]")
    assert tab.get("vaelab.view.probe.index") == 1
    tab.page.keyboard.press("?")
    tab.page.get_by_role("dialog").wait_for(state="visible", timeout=60_000)
    tab.page.keyboard.press("Escape")
    tab.page.get_by_role("dialog").wait_for(state="hidden", timeout=60_000)


def test_tiles_are_decoded_to_the_last(tab: Tab, site: Site) -> None:
    tab.open(site("plain"))
    tab.by("layer-tiles").click()
    tab.until("vaelab.tiles.total > 100 && vaelab.tiles.drawn === vaelab.tiles.total")


def test_the_plane_spread_evenly_in_probability(tab: Tab, site: Site) -> None:
    tab.open(site("plain"))
    tab.by("layer-tiles").click()
    tab.by("scale").click()
    middle, deviation, far = (tab.get(f"vaelab.screen({x}, 0)[0]") for x in (0, 1, 9))
    # P(Z < 1) = 0.8413: the standard deviation has 0.6827 of the way to the edge
    assert (deviation - middle) / (far - middle) == pytest.approx(0.6827, abs=1e-3)
    tab.page.mouse.move(*tab.at(1.2, -0.4))
    tab.until("vaelab.hovered !== null")
    assert tab.get("vaelab.hovered.z") == pytest.approx([1.2, -0.4], abs=0.02)
    tab.until("vaelab.tiles.total > 50 && vaelab.tiles.drawn === vaelab.tiles.total")
    tab.by("layer-rings").hover()  # outside of the square there is nothing to decode
    tab.until("vaelab.hovered === null")
    tab.until("location.hash.includes('scale=cdf')")


def test_the_curves_are_a_table_too(tab: Tab, site: Site, runs: Path) -> None:
    tab.open(site("plain"))
    tab.by("curves-table").click()
    rows = tab.page.get_by_role("region", name="Numbers of the curves").locator("tbody tr")
    wanted = [row for row in Run(runs / "plain").metrics() if row["split"] == "valid"]
    assert rows.count() == len(wanted)
    cells = rows.last.locator("td").all_inner_texts()
    values = [f"{wanted[-1][f'{name}_nats']:.2f}" for name in ("distortion", "rate", "elbo")]
    assert cells[2:] == ["valid", *(value.replace("-", "−") for value in values)]


def test_a_selection_is_shown_and_saved(tab: Tab, site: Site) -> None:
    tab.open(site("plain"))
    for tool, places in {
        "rectangle": [(-1, -1), (1, 1)],
        "lasso": [(-1.5, -1.5), (1.5, -1.5), (1.5, 1.5), (-1.5, 1.5)],
    }.items():
        tab.by(f"tool-{tool}").click()
        tab.drag(*(tab.at(*place) for place in places))
        chosen = tab.get("vaelab.view.selected")
        codes = tab.get("Array.from({length: vaelab.count}, (_, i) => vaelab.loc(i))")
        reach = 0.97 if tool == "rectangle" else 1.4
        inside = {i for i, z in enumerate(codes) if max(map(abs, z)) < reach}
        assert inside <= set(chosen)
        assert len(chosen) < 359
    with tab.page.expect_download() as download:
        tab.by("save-selection").click()
        tab.by("save-selection").get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    assert [int(row["index"]) for row in rows] == chosen
    assert float(rows[0]["loc_1"]) == pytest.approx(codes[chosen[0]][0], rel=1e-4)
    tab.by("clear-selection").click()
    assert tab.get("vaelab.view.selected") == []


def test_a_path_is_a_film_and_an_address_holds_everything(tab: Tab, site: Site) -> None:
    tab.open(site("plain"))
    tab.until("document.querySelectorAll('[data-testid=strip] button').length === 12")
    assert tab.by("path").locator("h2").inner_text().lower() == "along z1 through the point"
    tab.by("tool-path").click()
    for place in ((0, -1), (1, 1)):
        tab.page.mouse.click(*tab.at(*place))
    path = tab.get("vaelab.view.path")
    assert path["from"] + path["to"] == pytest.approx([0, -1, 1, 1], abs=0.05)
    tab.drag(tab.at(-1, 0), tab.at(1, 0.5))
    tab.rest()
    assert tab.get("vaelab.view.path.from") == pytest.approx([-1, 0], abs=0.05)
    assert tab.by("strip").locator("button").count() == 12
    tab.by("path-kind").click()
    tab.page.keyboard.press("5")
    tab.by("theme").click()
    tab.by("scrubber").fill("3")
    tab.until("vaelab.index === 3")
    tab.rest()
    before = tab.get("vaelab.view")
    address = tab.page.url
    tab.page.goto("about:blank")
    tab.open(address)
    tab.until("vaelab.index === 3")
    after = tab.get("vaelab.view")
    for name in ("hidden", "theme", "tool", "layers", "step", "run"):
        assert after[name] == before[name]
    assert after["path"]["kind"] == "spherical"
    assert after["path"]["from"] == pytest.approx(before["path"]["from"], abs=1e-4)


def test_nonsense_in_the_address_is_ignored(tab: Tab, site: Site) -> None:
    bad = "#v=1&step=x&z=a_b&plane=9_9&class=-1&hidden=1_x&camera=0_0_-1&path=~&theme=pink"
    tab.open(site("plain") + f"{bad}&run=../../x")
    assert tab.get("vaelab.check.ok")
    assert tab.get("vaelab.view.theme") == "auto"


def test_an_address_put_into_the_open_page_is_shown(tab: Tab, site: Site) -> None:
    tab.open(site("plain"))
    tab.page.evaluate("location.hash = '#v=1&step=0&z=1_0.5'")
    tab.until("vaelab.step === 0 && vaelab.pinned?.z[0] === 1")
    tab.page.evaluate("location.hash = '#v=1&step=best'")
    tab.until("vaelab.index > 0 && vaelab.pinned?.z[0] === 0")


def test_an_address_wins_over_what_is_about_to_be_written_there(tab: Tab, site: Site) -> None:
    tab.open(site("plain"))
    tab.page.evaluate(
        """() => {
            setTimeout(() => { location.hash = '#v=1&step=0&z=1_0.5' }, 0)
            document.querySelector('[data-testid="theme"]').click()
            const overdue = performance.now() + 400
            while (performance.now() < overdue);
        }"""
    )
    tab.until("vaelab.step === 0 && vaelab.pinned?.z[0] === 1")


def test_a_drawn_digit_gets_a_code(tab: Tab, site: Site) -> None:
    tab.open(site("plain"))
    box = tab.by("pad").bounding_box()
    x, y = box["x"], box["y"]
    tab.drag((x + 30, y + 20), (x + 60, y + 20), (x + 40, y + 75))
    tab.until("vaelab.probed !== null && vaelab.view.probe.kind === 'drawing'")
    assert max(tab.pixels("probe-seen")) > 100
    tab.until("vaelab.view.z.every((z, k) => Math.abs(z - vaelab.probed.loc[k]) < 1e-6)")
    tab.by("dice").click()
    tab.rest()
    assert max(tab.pixels("probe-decoded")) > 50


def test_many_dimensions_and_a_class(tab: Tab, site: Site, runs: Path) -> None:
    tab.open(site("styles"))
    assert tab.get("vaelab.axes") == ["PC1", "PC2"]
    tab.by("axis-i").select_option("2")
    assert tab.get("vaelab.axes")[0] == "z3"
    tab.by("slider-1").fill("1.5")
    tab.until("vaelab.pinned && vaelab.pinned.z[1] === 1.5")
    tab.by("class-switch").select_option("7")
    tab.until("vaelab.pinned.cls === 7")
    pinned = tab.get("vaelab.pinned")
    wanted = decoded(runs / "styles", tab.get("vaelab.index"), pinned["z"], 7)
    np.testing.assert_allclose(pinned["x"], wanted, atol=1e-3)
    assert tab.by("strip").locator("button").count() == 10


def test_a_single_file_opens_by_double_click(tab: Tab, single: str, runs: Path) -> None:
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    tab.open(single)
    assert tab.get("vaelab.source") == "inline"
    assert tab.get("vaelab.check.ok")
    assert tab.get("vaelab.backend") == "wasm"
    tab.page.mouse.move(*tab.at(1, 1))
    tab.until("vaelab.hovered !== null")
    assert not [url for url in asked if url.startswith(("http", "ws"))]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["plain", "styles"])
def test_axe_finds_nothing(tab: Tab, site: Site, theme: str, name: str) -> None:
    tab.page.emulate_media(reduced_motion="reduce")
    tab.open(site(name) + f"#v=1&theme={theme}&probe=3&selected=1_2_3")
    tab.get(AXE.read_text())

    def check(state: str) -> None:
        tab.page.wait_for_timeout(200)
        found = tab.get(
            "axe.run().then((result) => result.violations.map((one) => "
            "[one.impact, one.id, one.nodes.map((node) => node.html + node.failureSummary)]))"
        )
        assert [one for one in found if one[0] != "minor"] == [], state

    for depth in ("play", "look", "measure"):
        tab.show(depth)
        check(depth)
        if depth == "look" and name == "plain":
            tab.page.keyboard.press("x")
            tab.until("vaelab.evidence !== null")
            tab.by("row-evidence").click()
            check("the exact posterior")
            tab.by("row-evidence").click()
    tab.page.locator("#layers-title").click()
    tab.until("vaelab.traced !== null")
    check("layers")
    tab.by("curves-table").click()
    tab.by("row-rate").click()
    check("a table and a formula")
    for dialog in ("help", "share"):
        tab.by(dialog).click()
        check(dialog)
        tab.page.keyboard.press("Escape")
    tab.by("lecture").click()
    check("lecture mode")


@pytest.mark.parametrize(("width", "height"), [(1100, 800), (600, 900), (390, 844), (320, 640)])
def test_narrow_screens_show_everything(tab: Tab, site: Site, width: int, height: int) -> None:
    tab.page.set_viewport_size({"width": width, "height": height})
    tab.open(site("plain"))
    assert tab.by("latent").bounding_box()["width"] > 250
    for depth in ("play", "look", "measure"):
        tab.show(depth)
        assert tab.get("document.documentElement.scrollWidth <= innerWidth"), depth
    for panel in ("readings", "probe", "dimensions", "samples", "reconstructions", "curves"):
        tab.by(panel).scroll_into_view_if_needed()
        assert tab.by(panel).is_visible()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda text: json.dumps(json.loads(text) | {"version": 2}), "version 2"),
        (lambda text: "{", "JSON"),
        (lambda text: json.dumps(json.loads(text) | {"weights": 5}), "do not exist"),
        (lambda text: json.dumps(json.loads(text) | {"steps": []}), "holds no step"),
    ],
)
def test_a_bundle_that_cannot_be_shown_says_why(
    tab: Tab, site: Site, damage: Callable[[str], str], words: str
) -> None:
    def spoil(route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=damage(answer.text()))

    tab.page.route("**/manifest.json", spoil)
    tab.page.goto(site("plain"))
    tab.until("Boolean(window.vaelab && vaelab.problem)")
    assert words in tab.by("problem").inner_text()


def test_weights_that_do_not_fit_say_so(tab: Tab, site: Site) -> None:
    tab.page.route("**/weights/*.z", lambda route: route.fulfill(body=b"1234"))
    tab.page.goto(site("plain"))
    tab.until("Boolean(window.vaelab && vaelab.problem)")
    assert "do not fit the manifest" in tab.by("problem").inner_text()


def test_nothing_is_computed_while_nothing_changes(tab: Tab, site: Site) -> None:
    tab.open(site("plain"))
    box = tab.by("pad").bounding_box()
    left, top = box["x"], box["y"]
    draw = [(left + 30, top + 20), (left + 60, top + 60), (left + 40, top + 90)]
    states = {
        "an image": lambda: tab.by("probe-next").click(),
        "a drawing": lambda: tab.drag(*draw),
        "a pin beside the drawing": lambda: tab.page.mouse.click(*tab.at(2.5, -2.5)),
        "tiles": lambda: tab.page.keyboard.press("t"),
        "density and fog": lambda: (tab.page.keyboard.press("d"), tab.page.keyboard.press("f")),
        "exact posterior": lambda: (
            tab.page.keyboard.press("x"),
            tab.until("vaelab.evidence !== null"),
        ),
        "an earlier step": lambda: tab.page.keyboard.press(","),
    }
    for state, reach in states.items():
        reach()
        tab.rest()
        before = tab.get("asked")
        tab.page.wait_for_timeout(2000)
        assert tab.get("asked") == before, state
    assert tab.get("vaelab.view.z") == pytest.approx([2.5, -2.5], abs=0.05)
    assert "z=2.5" in tab.page.url, "the address follows"
