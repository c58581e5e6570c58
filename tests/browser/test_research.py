"""The table of runs, and what can be saved of the page."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import Served, Tab
from vaelab.runs.run import Run

SVG = "{http://www.w3.org/2000/svg}"


def saved(tab: Tab, panel: str, kind: str) -> bytes:
    menu = tab.by(f"save-{panel}")
    menu.locator("summary").click()
    with tab.page.expect_download() as download:
        menu.get_by_role("button", name=kind).click()
    assert download.value.suggested_filename == f"plain-{panel}.{kind.lower()}"
    return Path(download.value.path()).read_bytes()


def test_the_plane_is_saved_as_it_is_seen(tab: Tab, site: Callable[[str], str]) -> None:
    tab.open(site("plain"), "look")
    assert tab.page.title() == "plain · vaelab"
    tab.until("vaelab.still")
    width, height = tab.get("(({width, height}) => [width, height])(plane.getBoundingClientRect())")
    places = [tab.get(f"vaelab.screen(...vaelab.loc({i}))") for i in range(tab.get("vaelab.count"))]
    root = ElementTree.fromstring(saved(tab, "plane", "SVG"))
    circles = [(float(c.get("cx")), float(c.get("cy"))) for c in root.iter(f"{SVG}circle")]
    seen = [(x, y) for x, y in places if 0 < x < width and 0 < y < height]
    np.testing.assert_allclose(circles, seen, atol=0.02)
    assert {"z1", "z2", "1σ"} <= {text.text for text in root.iter(f"{SVG}text")}
    picture = Image.open(io.BytesIO(saved(tab, "plane", "PNG")))
    assert picture.size == pytest.approx((2 * width, 2 * height), abs=40)
    assert len(picture.convert("RGB").getcolors(2**20)) > 50
    rows = list(csv.DictReader(io.StringIO(saved(tab, "plane", "CSV").decode())))
    codes = [[float(row["loc_1"]), float(row["loc_2"])] for row in rows]
    wanted = [tab.get(f"Array.from(vaelab.loc({i}))") for i in range(len(rows))]
    np.testing.assert_allclose(codes, wanted, rtol=1e-4)


def test_numbers_leave_the_panels(tab: Tab, site: Callable[[str], str], runs: Path) -> None:
    tab.open(site("plain"))
    log = list(csv.DictReader(io.StringIO(saved(tab, "curves", "CSV").decode())))
    wanted = Run(runs / "plain").metrics()
    assert [(int(row["step"]), row["split"]) for row in log] == [
        (w["step"], w["split"]) for w in wanted
    ]
    assert [float(row["elbo_nats"]) for row in log] == pytest.approx(
        [w["elbo_nats"] for w in wanted], rel=1e-5
    )
    lines = ElementTree.fromstring(saved(tab, "curves", "SVG"))
    assert len(list(lines.iter(f"{SVG}path"))) >= 3
    journey = dict(line.split(",", 1) for line in saved(tab, "row", "CSV").decode().splitlines())
    assert len(journey["x"].split(",")) == len(journey["decoded"].split(",")) == 64
    z = [float(value) for value in journey["z"].split(",")]
    assert z == pytest.approx([float(value) for value in journey["loc"].split(",")])


def test_runs_are_filtered_renamed_and_thrown_away_and_come_back(served: Served, tab: Tab) -> None:
    tab.open(served.address)
    tab.by("runs").click()
    row = lambda name: tab.page.locator(f'tr[data-run="{name}"]')  # noqa: E731
    row("styles").wait_for()
    assert "4" in row("styles").inner_text()
    about = Run(served.folder / "styles").about_weights()
    assert f"{about['valid_elbo_nats']:.2f}".replace("-", "−") in row("styles").inner_text()
    tab.by("runs-filter").fill("latent=4")
    row("plain").wait_for(state="detached")
    tab.by("runs-filter").fill("latent=4 rate<")
    assert "“rate<” is left out" in tab.by("runs-unclear").inner_text()
    row("styles").get_by_role("button", name="Rename styles").click()
    tab.page.keyboard.type("../evil")
    tab.page.keyboard.press("Enter")
    assert "none of them /" in tab.by("runs-refused").inner_text()
    tab.errors.clear()  # the browser tells of the answer 404
    assert row("styles").get_by_role("textbox").input_value().endswith("../evil")
    tab.page.keyboard.press("ControlOrMeta+A")
    tab.page.keyboard.type("four numbers")
    tab.page.keyboard.press("Enter")
    row("four numbers").wait_for()
    assert (served.folder / "four numbers" / "weights.safetensors").is_file()
    tab.until("vaelab.run === 'four numbers' && vaelab.ready")
    row("four numbers").get_by_role("button", name="to the bin").click()
    tab.by("runs-undo").wait_for()
    assert (served.folder / ".trash" / "four numbers" / "weights.safetensors").is_file()
    assert not (served.folder / "four numbers").exists()
    tab.by("runs-undo").click()
    tab.by("runs-undo").wait_for(state="detached")  # with the focus
    tab.page.keyboard.press("p")  # the keys work no page behind a dialog
    assert tab.get("vaelab.view.depth") == "measure"
    tab.page.keyboard.press("Escape")
    tab.page.get_by_role("dialog").wait_for(state="hidden")
    tab.by("runs").click()
    row("four numbers").get_by_role("button", name="four numbers", exact=True).click()
    tab.until("vaelab.run === 'four numbers' && vaelab.ready")
    assert tab.page.title() == "four numbers · vaelab"
