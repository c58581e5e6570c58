"""A folder of one's own pictures, dropped on the page or chosen: from there to a run."""

import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import Served, Tab
from vaelab.explorer.pictures import PICTURES
from vaelab.recipe import suggest
from vaelab.runs.run import Run

SIDE = 12
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"


def picture(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    """Two classes, with what people have beside their pictures."""
    folder = tmp_path / "my flowers"
    for number, kind in enumerate(("rose", "tulip")):
        inside = folder / kind / "of the garden"
        inside.mkdir(parents=True)
        for n in range(150):
            (inside / f"{n} ä.png").write_bytes(picture(1000 * number + n))
    long = folder / "rose" / ("é" * 60)
    long.mkdir()
    (long / ("字" * 50 + ".png")).write_bytes(picture(5))
    (folder / "rose" / ".DS_Store").write_bytes(b"x")
    (folder / "tulip" / "Thumbs.db").write_bytes(b"x")
    return folder


def drop(tab: Tab, *paths: Path) -> None:
    """As from a file manager."""
    session = tab.page.context.new_cdp_session(tab.page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 600, "y": 300, "data": data})


def waiting(served: Served) -> list[str]:
    """What the server keeps of pictures."""
    folder = served.folder / PICTURES
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_a_dropped_folder_becomes_a_run(
    served: Served, tab: Tab, flowers: Path, tmp_path: Path
) -> None:
    tab.open(served.address)
    tab.by("preset-VAE").click()
    tab.until("vaelab.training && vaelab.training.phase === 'playing'")
    drop(tab, flowers)
    tab.by("pictures-found").wait_for()
    found = tab.by("pictures").inner_text()
    assert "my flowers: 301 pictures of 2 classes (rose 151, tulip 150)" in found
    assert f"{SIDE} × {SIDE} pixels in grey" in found
    assert "2 hidden files" in found
    assert "VAE, which trains now, is saved and stopped first" in found
    kept = served.folder / PICTURES / "my_flowers"
    assert tab.by("recipe").inner_text() == suggest(kept)
    tab.by("train-pictures").click()
    tab.until("vaelab.run === 'my_flowers' && vaelab.step > 20")
    tab.until("vaelab.training.beta === 1")
    tab.by("stop").click()
    tab.until("vaelab.training.phase === 'ended'")
    assert waiting(served) == ["my_flowers"]
    sent = {path.relative_to(kept): path.read_bytes() for path in kept.rglob("*.png")}
    own = {path.relative_to(flowers): path.read_bytes() for path in flowers.rglob("*.png")}
    assert sent == own
    assert Run(served.folder / "my_flowers").experiment.data.path == kept
    assert Run(served.folder / "VAE").experiment.training.changes[-1].stop


def test_a_folder_is_chosen_by_the_keyboard_and_what_is_cancelled_is_gone(
    served: Served, tab: Tab, flowers: Path
) -> None:
    (flowers / "tulip" / "film.mp4").write_bytes(b"\0" * 500)
    tab.open(served.address, "play")
    tab.by("anew").select_option("own")
    with tab.page.expect_file_chooser() as chosen:
        tab.by("choose-folder").press("Enter")
    chosen.value.set_files(flowers)
    tab.by("pictures-damaged").wait_for()
    assert tab.by("pictures-damaged").inner_text().startswith("my_flowers/tulip/film.mp4: ")
    tab.by("leave-out").press("Enter")
    tab.by("pictures-found").wait_for()
    assert "1 of 302 files cannot be read and are left out" in tab.by("pictures").inner_text()
    assert "damaged: skip" in tab.by("recipe").inner_text()
    assert len(waiting(served)) == 2
    tab.page.keyboard.press("Escape")
    tab.by("pictures").wait_for(state="detached")
    nothing_waits(served, tab)
    assert tab.get("vaelab.run") in ("plain", "styles")


def nothing_waits(served: Served, tab: Tab) -> None:
    began = time.monotonic()
    while waiting(served):
        assert time.monotonic() - began < 60
        tab.page.wait_for_timeout(50)


def test_a_folder_that_is_cancelled_when_all_of_it_is_sent_is_gone(
    served: Served, tab: Tab, flowers: Path
) -> None:
    for n in range(1500):  # so that the server is still unpacking then
        (flowers / "rose" / f"{n}.png").write_bytes(picture(n))
    tab.open(served.address, "play")
    with tab.page.expect_response(lambda answer: "/api/pictures?" in answer.url):
        drop(tab, flowers)
        tab.page.get_by_text("Looking at the").wait_for()
        tab.by("pictures-cancel").click()
    nothing_waits(served, tab)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(served: Served, tab: Tab, flowers: Path, theme: str) -> None:
    tab.page.emulate_media(reduced_motion="reduce", color_scheme=theme)
    tab.open(served.address, "play")
    tab.get(AXE.read_text())

    def check(state: str) -> None:
        tab.page.wait_for_timeout(200)
        found = tab.get(
            "axe.run('dialog[open]').then(({ violations }) => violations.map((one) => "
            "[one.impact, one.id, one.nodes.map((node) => node.html + node.failureSummary)]))"
        )
        assert [one for one in found if one[0] != "minor"] == [], state

    tab.by("anew").select_option("own")
    check("choosing")
    drop(tab, flowers)
    tab.by("pictures-found").wait_for()
    check("found")
    (flowers / "rose" / "broken.png").write_bytes(b"x")
    drop(tab, flowers)
    tab.by("pictures-damaged").wait_for()
    check("damaged")


def one_picture(folder: Path) -> str:
    (folder / "1.png").write_bytes(picture(1))
    return "both training and test need at least one image"


def no_picture(folder: Path) -> str:
    (folder / "notes.txt").write_text("mine")
    return "there are no images in this folder"


def nothing(folder: Path) -> str:
    (folder / ".hidden").write_text("mine")
    return "there are no files in it but 1 hidden ones"


@pytest.mark.parametrize("make", [one_picture, no_picture, nothing])
def test_what_cannot_be_trained_on_says_so_in_a_line(
    served: Served, tab: Tab, tmp_path: Path, make: Callable[[Path], str]
) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    words = make(folder)
    tab.open(served.address, "play")
    drop(tab, folder)
    tab.by("pictures-problem").wait_for()
    said = tab.by("pictures-problem").inner_text()
    assert said.startswith("odd")
    assert words in said
    assert waiting(served) == []
    tab.errors.clear()  # the browser tells of a refused request


def test_an_exported_page_says_what_it_takes(
    site: Callable[[str], str], tab: Tab, flowers: Path
) -> None:
    tab.open(site("plain"))
    drop(tab, flowers)
    tab.until("vaelab.problem !== null")
    assert "vaelab explore" in tab.get("vaelab.problem")
